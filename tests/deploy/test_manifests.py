"""Every overlay, and the base with each component, is what Kubernetes takes."""

import os
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest

from dragoman import __version__
from tests.deploy.manifests import (
    COMPONENTS,
    DEPLOY,
    OVERLAYS,
    check,
    compose,
    of_kind,
    one,
    overlay,
    server,
    settings,
)


def test_there_are_overlays_and_components() -> None:
    assert {"cpu-demo", "gpu-production"} <= set(OVERLAYS)
    assert len(COMPONENTS) >= 8


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_valid(name: str) -> None:
    resources = overlay(name)
    assert len(resources) > 5
    for resource in resources:
        check(resource)


@pytest.mark.parametrize("component", COMPONENTS)
def test_the_base_with_a_component_is_valid(component: str) -> None:
    for resource in compose(component):
        check(resource)


def test_unknown_fields_are_found_in_standard_and_custom_resources() -> None:
    resources = compose("autoscaling-keda", "gateway", "monitoring")
    deployment = one(resources, "Deployment")
    deployment["spec"]["template"]["spec"]["tolerationSeconds"] = 5
    with pytest.raises(kubernetes_validate.ValidationError):
        check(deployment)
    for kind in ("ScaledObject", "GRPCRoute", "PodMonitor", "PrometheusRule"):
        (resource,) = of_kind(resources, kind)
        resource["spec"]["colour"] = "green"
        with pytest.raises(jsonschema.ValidationError, match="colour"):
            check(resource)


def test_every_file_is_used() -> None:
    """A file that no kustomization names was forgotten."""
    for directory, _, files in os.walk(DEPLOY):
        if "kustomization.yaml" in files:
            text = (Path(directory) / "kustomization.yaml").read_text()
            for name in set(files) - {"kustomization.yaml"}:
                assert name in text, f"{directory}/{name}"


def test_the_gpu_replaces_image_and_provider() -> None:
    resources = compose("gpu")
    container = server(resources)
    assert container["image"].startswith("dragoman-gpu:")
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert settings(resources)["DRAGOMAN_PROVIDER"] == "cuda"


@pytest.mark.parametrize("others", [(), ("gpu",)])
def test_torch_replaces_the_image_alone(others: tuple[str, ...]) -> None:
    plain = compose(*others)
    server(plain)["image"] = f"dragoman-torch:{__version__}"
    assert compose("torch", *others) == compose(*others, "torch") == plain


def test_tls_moves_the_probes_and_takes_the_claim_of_plain_text_back() -> None:
    resources = compose("tls")
    health_port = int(settings(resources)["DRAGOMAN_HEALTH_PORT"])
    container = server(resources)
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["grpc"]["port"] == health_port
        assert container[probe]["grpc"]["service"] in {"liveness", "readiness"}
    for service in of_kind(resources, "Service"):
        assert "appProtocol" not in service["spec"]["ports"][0]


def test_interfaces_are_let_in_where_grpc_is_and_named_to_the_gateway() -> None:
    resources = compose("gateway", "network-policy", "tls", "interfaces")
    port = int(settings(resources)["DRAGOMAN_HTTP_PORT"])
    assert {"name": "http", "containerPort": port} in server(resources)["ports"]
    (policy,) = of_kind(resources, "NetworkPolicy")
    callers, scraper = policy["spec"]["ingress"]
    assert callers["ports"] == [{"port": "grpc"}, {"port": "http"}]
    assert scraper["ports"] == [{"port": "metrics"}]
    (route,) = of_kind(resources, "GRPCRoute")
    named = {match["method"]["service"] for match in route["spec"]["rules"][0]["matches"]}
    google = pytest.importorskip("dragoman_server.interfaces.google.messages").SERVICE
    operations = pytest.importorskip("google.longrunning.operations_pb2").DESCRIPTOR
    riva = pytest.importorskip("riva.client.proto.riva_nmt_pb2").DESCRIPTOR
    services = {
        each.full_name for file in (operations, riva) for each in file.services_by_name.values()
    }
    assert named == {"dragoman.v1.TranslationService", google} | services
    one_address, each = of_kind(resources, "Service")
    assert [ports["port"] for ports in one_address["spec"]["ports"]] == [50051, port]
    assert [ports["name"] for ports in each["spec"]["ports"]] == ["grpc"]


@pytest.mark.parametrize("component", ["autoscaling", "autoscaling-keda"])
def test_an_autoscaler_has_the_replicas_to_itself(component: str) -> None:
    assert "replicas" not in one(compose(component), "Deployment")["spec"]
