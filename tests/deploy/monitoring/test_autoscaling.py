"""The autoscalers get numbers: what they ask for is asked of a real Prometheus."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from deploy.dashboards.answers import Prometheus
from tests.deploy.monitoring.scraping import Scraping

pytestmark = pytest.mark.alone

COMPONENTS = Path(__file__).parents[3] / "deploy/components"
PODS = {"dragoman-0", "dragoman-1"}


def adapter_queries() -> dict[str, str]:
    """What prometheus-adapter asks, as its rules say, by the name that it gives the answer."""
    text = (COMPONENTS / "autoscaling/prometheus-adapter.yaml").read_text()
    queries = {}
    for rule in yaml.safe_load(text)["rules"]["custom"]:
        (series,) = re.findall(r'__name__="([^"]*)"', rule["seriesQuery"])
        name = series
        if renaming := rule.get("name"):
            name = re.sub(renaming["matches"], renaming["as"].replace("${1}", r"\1"), series)
        queries[name] = (
            rule["metricsQuery"]
            .replace("<<.Series>>", series)
            .replace("<<.LabelMatchers>>", f'namespace="translation",pod=~"{"|".join(PODS)}"')
            .replace("<<.GroupBy>>", "pod")
        )
    return queries


def test_each_metric_of_the_autoscaler_has_a_value_for_each_pod(scraping: Scraping) -> None:
    resource = (COMPONENTS / "autoscaling/horizontal-pod-autoscaler.yaml").read_text()
    metrics = [m["pods"]["metric"]["name"] for m in yaml.safe_load(resource)["spec"]["metrics"]]
    assert len(metrics) >= 2
    queries = adapter_queries()
    for name in metrics:
        scraping.until(answers(queries[name], PODS))


def test_each_trigger_of_the_scaled_object_has_one_value(scraping: Scraping) -> None:
    resource = (COMPONENTS / "autoscaling-keda/scaled-object.yaml").read_text()
    triggers = yaml.safe_load(resource)["spec"]["triggers"]
    assert triggers
    for trigger in triggers:
        query = trigger["metadata"]["query"]
        assert 'namespace="dragoman"' in query
        scraping.until(answers(query.replace('="dragoman"', '="translation"'), {""}))


def answers(query: str, pods: set[str]) -> Callable[[Prometheus], bool]:
    """Whether there is one value for each pod; for the pod "" where it is the sum of all."""

    def condition(prometheus: Prometheus) -> bool:
        series = prometheus.at(query, time.time())
        return sorted(each.labels.get("pod", "") for each in series) == sorted(pods)

    return condition
