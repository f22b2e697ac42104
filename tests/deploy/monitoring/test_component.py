"""What an overlay gets that takes the component in."""

from tests.deploy.manifests import compose, one, server
from tests.deploy.monitoring.component import COMPONENT, rules


def test_the_pod_monitor_finds_the_servers() -> None:
    resources = compose("monitoring")
    monitor = one(resources, "PodMonitor")["spec"]
    labels = one(resources, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert endpoint["port"] in [port["name"] for port in server(resources)["ports"]]


def test_the_pod_monitor_names_the_job_that_rules_ask_for() -> None:
    resources = compose("monitoring")
    labels = one(resources, "Deployment")["spec"]["template"]["metadata"]["labels"]
    job = labels[one(resources, "PodMonitor")["spec"]["jobLabel"]]
    asking = [rule["expr"] for rule in rules("alert") if "job=" in rule["expr"]]
    assert asking
    assert all(f'job="{job}"' in expression for expression in asking)


def test_grafana_finds_the_dashboard() -> None:
    dashboard = one(compose("monitoring"), "ConfigMap", "dragoman-dashboard")
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["data"]["dragoman.json"] == (COMPONENT / "dashboard.json").read_text("utf-8")
