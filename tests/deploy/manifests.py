"""What `kubectl kustomize` makes of deploy/, and whether Kubernetes would take it.

Knows how to render and which schema a resource has. Does not know what a good deployment is: that
is test_policies.py.
"""

import functools
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SCHEMAS = Path(__file__).parent / "schemas"
KUBERNETES = "1.37"

OVERLAYS = sorted(path.parent.name for path in DEPLOY.glob("overlays/*/kustomization.yaml"))
COMPONENTS = sorted(path.parent.name for path in DEPLOY.glob("components/*/kustomization.yaml"))

Resource = dict[str, Any]


def overlay(name: str) -> list[Resource]:
    """Renders an overlay; skips the test where there is no kubectl."""
    return _parsed(_render(DEPLOY / "overlays" / name))


def compose(*components: str) -> list[Resource]:
    """Renders the base with components; skips as `overlay` does."""
    return _parsed(_compose(components))


def _parsed(text: str) -> list[Resource]:
    # The parser in C: the dashboard alone takes the other one a second.
    return list(yaml.load_all(text, yaml.CSafeLoader))


@functools.cache
def _compose(components: tuple[str, ...]) -> str:
    # Kustomize takes no absolute paths.
    with tempfile.TemporaryDirectory() as directory:
        deploy = os.path.relpath(DEPLOY.resolve(), Path(directory).resolve())
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "dragoman",
            "resources": [f"{deploy}/base"],
            "components": [f"{deploy}/components/{name}" for name in components],
        }
        (Path(directory) / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return _render(Path(directory))


@functools.cache
def _render(directory: Path) -> str:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("needs kubectl, for its kustomize")
    rendered = subprocess.run(
        [kubectl, "kustomize", directory], capture_output=True, text=True, check=False
    )
    assert rendered.returncode == 0, rendered.stderr
    assert not rendered.stderr, rendered.stderr  # deprecations
    return rendered.stdout


def check(resource: Resource) -> None:
    """Raises a ValidationError where Kubernetes, or its extension, would not take the resource."""
    name = f"{resource['apiVersion'].replace('/', '-')}-{resource['kind']}.json"
    if (SCHEMAS / name).exists():
        jsonschema.validate(resource, json.loads((SCHEMAS / name).read_text()))
    else:
        kubernetes_validate.validate(resource, KUBERNETES, strict=True)


def of_kind(resources: list[Resource], kind: str) -> list[Resource]:
    return [resource for resource in resources if resource["kind"] == kind]


def one(resources: list[Resource], kind: str, name: str = "dragoman") -> Resource:
    (found,) = [each for each in of_kind(resources, kind) if each["metadata"]["name"] == name]
    return found


def server(resources: list[Resource]) -> Resource:
    """The server's container."""
    (container,) = one(resources, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert isinstance(container, dict)
    return container


def settings(resources: list[Resource]) -> dict[str, str]:
    """The settings that the server is given."""
    (found,) = [
        each
        for each in of_kind(resources, "ConfigMap")
        if each["metadata"]["name"].startswith("dragoman-settings-")
    ]
    data: dict[str, str] = found["data"]
    return data
