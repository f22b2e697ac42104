"""What we ask of a deployment beyond what Kubernetes takes."""

from typing import Any

import pytest

from dragoman import __version__
from dragoman_server.engine.engine_metrics import EngineMetrics
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.settings import load_config
from tests.deploy.manifests import (
    COMPONENTS,
    DEPLOY,
    OVERLAYS,
    Resource,
    compose,
    of_kind,
    one,
    overlay,
    server,
    settings,
)

MODELS = ("model-from-oci", "model-from-pvc", "models-from-pvc", "models-from-bucket")

NEEDS = {"administration": ("api-keys", "models-from-pvc", "network-policy")}
"""What the components' comments say that they need."""


@pytest.fixture(params=[*OVERLAYS, *(f"base with {name}" for name in COMPONENTS)])
def resources(request: pytest.FixtureRequest) -> list[Resource]:
    """What users apply, one overlay or component after the other."""
    name = str(request.param)
    if name in OVERLAYS:
        return overlay(name)
    component = name.removeprefix("base with ")
    others = NEEDS.get(component, () if component in MODELS else MODELS[:1])
    return compose(component, *others)


def pod(resources: list[Resource]) -> Any:
    return one(resources, "Deployment")["spec"]["template"]["spec"]


def test_images_are_of_this_version(resources: list[Resource]) -> None:
    images = [server(resources)["image"]]
    images += [
        volume["image"]["reference"] for volume in pod(resources)["volumes"] if "image" in volume
    ]
    for image in images:
        assert image.partition(":")[2] == __version__, image


def test_resources_are_limited_and_cpus_are_whole(resources: list[Resource]) -> None:
    demands = server(resources)["resources"]
    assert demands["requests"] == demands["limits"]
    assert {"cpu", "memory"} <= set(demands["limits"])
    assert int(demands["limits"]["cpu"]) > 0


def test_each_probe_asks_for_what_it_means(resources: list[Resource]) -> None:
    container = server(resources)
    asked = {
        kind: container[f"{kind}Probe"]["grpc"]["service"]
        for kind in ("startup", "liveness", "readiness")
    }
    assert asked == {"startup": "liveness", "liveness": "liveness", "readiness": "readiness"}
    ports = {port["containerPort"] for port in container["ports"]}
    assert {container[f"{kind}Probe"]["grpc"]["port"] for kind in asked} <= ports


def test_ports_are_named_and_services_go_by_name(resources: list[Resource]) -> None:
    names = {port["name"] for port in server(resources)["ports"]}
    assert len(names) == len(server(resources)["ports"])
    for service in of_kind(resources, "Service"):
        for port in service["spec"]["ports"]:
            assert port["name"]
            assert port["targetPort"] in names
    for policy in of_kind(resources, "NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []):
            assert {port["port"] for port in rule["ports"]} <= names
    for monitor in of_kind(resources, "PodMonitor"):
        assert {end["port"] for end in monitor["spec"]["podMetricsEndpoints"]} <= names


def test_the_pod_is_restricted(resources: list[Resource]) -> None:
    spec, container = pod(resources), server(resources)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)


def test_what_runs_beside_the_server_is_restricted_too(resources: list[Resource]) -> None:
    for container in pod(resources).get("initContainers", []):
        assert container["securityContext"] == server(resources)["securityContext"]
        assert container["resources"]["requests"] == container["resources"]["limits"]


def test_the_pod_has_no_rights_and_no_service_links(resources: list[Resource]) -> None:
    spec = pod(resources)
    account = one(resources, "ServiceAccount")
    assert spec["serviceAccountName"] == account["metadata"]["name"]
    assert account["automountServiceAccountToken"] is spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert not {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"} & {
        resource["kind"] for resource in resources
    }


def test_the_server_takes_the_settings(
    resources: list[Resource], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The image says where the bundle is, where no component does.
    environment = {"DRAGOMAN_BUNDLE": "/bundle"} | settings(resources)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    config = load_config([], environment)
    mounts = [mount["mountPath"] for mount in server(resources)["volumeMounts"]]
    files = [*config.bundle, config.models, config.api_keys]
    files += [config.tls_certificate, config.tls_private_key]
    assert bool(config.bundle) != bool(config.models)
    assert not config.playground
    for file in filter(None, files):
        assert any(file.is_relative_to(mount) for mount in mounts), file


def test_there_is_time_to_drain(resources: list[Resource], monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"DRAGOMAN_BUNDLE": "/bundle"} | settings(resources)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    config = load_config([], environment)
    before = server(resources)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert before >= 5
    assert pod(resources)["terminationGracePeriodSeconds"] >= (
        before + config.drain_timeout_seconds + 5
    )


def test_whatever_selects_pods_selects_these(resources: list[Resource]) -> None:
    deployment = one(resources, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selectors = [deployment["spec"]["selector"]["matchLabels"]]
    selectors += [service["spec"]["selector"] for service in of_kind(resources, "Service")]
    for kind, field in (
        ("PodDisruptionBudget", "selector"),
        ("NetworkPolicy", "podSelector"),
        ("PodMonitor", "selector"),
    ):
        selectors += [each["spec"][field]["matchLabels"] for each in of_kind(resources, kind)]
    spread = pod(resources)["topologySpreadConstraints"]
    selectors += [constraint["labelSelector"]["matchLabels"] for constraint in spread]
    assert len(selectors) >= 6
    for selector in selectors:
        assert selector
        assert selector.items() <= labels.items()


def test_replicas_are_spread_and_not_all_evicted_at_once(resources: list[Resource]) -> None:
    keys = {constraint["topologyKey"] for constraint in pod(resources)["topologySpreadConstraints"]}
    assert keys == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    assert one(resources, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_autoscalers_go_by_metrics_that_there_are_and_keep_two_replicas(
    resources: list[Resource],
) -> None:
    rates = {"dragoman_requests_per_second"}  # prometheus-adapter's; test_autoscaling.py asks it
    metrics = Metrics()
    metrics.begin_model("en-de")
    EngineMetrics(metrics, "en-de")
    families = list(metrics.registry.collect())
    samples = {sample.name for family in families for sample in family.samples}
    there_are = rates | samples | {family.name for family in families}
    for scaler in of_kind(resources, "HorizontalPodAutoscaler"):
        assert scaler["spec"]["minReplicas"] >= 2
        names = {metric["pods"]["metric"]["name"] for metric in scaler["spec"]["metrics"]}
        assert names <= there_are
    for scaled in of_kind(resources, "ScaledObject"):
        assert scaled["spec"]["minReplicaCount"] >= 2
        for trigger in scaled["spec"]["triggers"]:
            query = trigger["metadata"]["query"]
            assert any(name in query for name in there_are), query


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlays_namespace_enforces_the_restricted_standard(name: str) -> None:
    resources = overlay(name)
    (namespace,) = of_kind(resources, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    cluster_wide = {"Namespace", "PriorityClass"}
    for resource in resources:
        if resource["kind"] not in cluster_wide:
            assert resource["metadata"]["namespace"] == namespace["metadata"]["name"]


def test_nobody_plays_in_a_cluster() -> None:
    """No overlay, component or image switches the playground on."""
    files = [path for path in DEPLOY.rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        text = path.read_text("utf-8", "replace").lower()
        assert "playground" not in text, path
