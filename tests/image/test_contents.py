"""What is in the images with Python, as they find it themselves and as it lies on disk."""

import json
from importlib.metadata import version
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dragoman_server.interfaces import INTERFACES
from tests.image import inside
from tests.image.buildah import Image
from tests.image.conftest import CREATED, REVISION, ROOT, Images
from tests.image.container import run


@pytest.fixture(scope="module", params=["cpu", "export", "gpu", "torch"])
def image(request: pytest.FixtureRequest, images: Images) -> Image:
    return images[request.param]


@pytest.fixture(scope="module")
def found(image: Image, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What inside.py says there."""
    script = Path(inside.__file__).read_text(encoding="utf-8")
    ended = run(image, tmp_path_factory.mktemp("inside"), ["python", "-c", script])
    assert ended.returncode == 0, ended.stderr
    described: dict[str, Any] = json.loads(ended.stdout)
    return described


def test_it_runs_as_nobody_in_particular(found: dict[str, Any]) -> None:
    assert found["user"] == [10001, 10001]
    assert found["process"] == {"CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1"}


def test_nothing_is_writable(found: dict[str, Any]) -> None:
    assert found["writable"] == []


def test_neither_pip_nor_a_compiler_is_there(found: dict[str, Any]) -> None:
    assert found["programs"] == []
    assert not {"pip", "ensurepip"} & set(found["modules"])


def test_each_has_the_libraries_that_it_needs_and_no_other(
    image: Image, found: dict[str, Any]
) -> None:
    assert (
        set(found["modules"])
        == {
            # torch itself asks for setuptools, and so does what nvidia-riva-client asks for.
            "cpu": {"onnxruntime", "setuptools"},
            "gpu": {"onnxruntime", "setuptools"},
            "torch": {"setuptools", "torch"},
            "export": {"onnx", "onnxruntime", "setuptools", "torch", "transformers"},
        }[image.name.partition(":")[2]]
    )


def test_servers_can_load_every_interface(image: Image, tmp_path: Path) -> None:
    modules = [f"dragoman_server.interfaces.{name}" for name in (*INTERFACES, "http")]
    loaded = run(image, tmp_path, ["python", "-c", f"import {', '.join(modules)}, language_data"])
    assert (loaded.returncode == 0) is ("export" not in image.name), loaded.stderr


def test_exactly_the_installed_distributions_are_listed(
    image: Image, found: dict[str, Any]
) -> None:
    components = json.loads((image.root / "opt/dragoman/sbom.cdx.json").read_text())["components"]
    listed = sorted([component["name"], component["version"]] for component in components)
    assert listed == sorted(found["distributions"])


def test_every_distribution_is_pinned(found: dict[str, Any]) -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    requirements = [Requirement(line) for line in lines if not line.startswith("#")]
    pins = {canonicalize_name(pin.name): pin.specifier for pin in requirements}
    unpinned = [
        name
        for name, installed in found["distributions"]
        if name != "dragoman" and not pins[canonicalize_name(name)].contains(installed)
    ]
    assert unpinned == []


def test_the_environment_is_roots_and_compiled(image: Image) -> None:
    environment = image.root / "opt/dragoman"
    for path in environment.rglob("*"):
        status = path.lstat()
        assert (status.st_uid, status.st_gid) == (0, 0), path
        assert path.is_symlink() or not status.st_mode & 0o022, path
    sources = list(environment.rglob("dragoman*/*.py"))
    assert sources
    assert [path for path in sources if not Path(cache_from_source(path)).is_file()] == []


def test_labels_say_what_it_is(image: Image) -> None:
    labels = image.config["Labels"]
    prefix = "org.opencontainers.image."
    assert labels[f"{prefix}title"] == "Dragoman"
    assert labels[f"{prefix}description"]
    assert labels[f"{prefix}licenses"] == "Apache-2.0"
    assert labels[f"{prefix}version"] == version("dragoman")
    assert (labels[f"{prefix}revision"], labels[f"{prefix}created"]) == (REVISION, CREATED)
