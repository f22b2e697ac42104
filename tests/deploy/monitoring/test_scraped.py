"""What the rules and the dashboard ask of a real Prometheus that scrapes real servers."""

import math
import subprocess
import time
import urllib.request
from pathlib import Path
from xml.etree import ElementTree

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.dashboards.answers import Prometheus, Series, substituted
from deploy.dashboards.draw import Drawing, Window
from tests.deploy.monitoring.component import (
    board,
    metrics_of,
    panel_expressions,
    panels,
    rules,
    runbooks,
    variable_query,
)
from tests.deploy.monitoring.scraping import Scraping
from tests.integration.served import Served

pytestmark = pytest.mark.alone

VARIABLES = {
    "namespace": "translation",
    "job": "(dragoman)",
    "pod": "(dragoman-0|dragoman-1)",
    "model": ".*",
    "__rate_interval": "4s",
    "__range": "4s",
}


@pytest.fixture(scope="module")
def page(replicas: list[Served]) -> str:
    """What a server answers to a scrape."""
    address = f"http://{replicas[0].metrics_address}/metrics"
    with urllib.request.urlopen(address, timeout=60) as answer:
        text: str = answer.read().decode()
        return text


def test_promtool_finds_the_metrics_clean(promtool: str, page: str) -> None:
    run = subprocess.run(
        [promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_every_metric_that_is_asked_for_is_there(page: str) -> None:
    families = list(text_string_to_metric_families(page))
    there = {sample.name for family in families for sample in family.samples}
    expressions = [expression for _, expression in panel_expressions()]
    expressions += [rule["expr"] for kind in ("alert", "record") for rule in rules(kind)]
    asked_for = set().union(*map(metrics_of, expressions))
    assert len(asked_for) > 20
    there |= {family.name for family in families}  # some have samples only when something is wrong
    assert asked_for <= there
    assert metrics_of(runbooks()) <= there


@pytest.mark.parametrize(
    "expression", [pytest.param(expression, id=title) for title, expression in panel_expressions()]
)
def test_a_panel_has_data(scraping: Scraping, expression: str) -> None:
    asked = substituted(expression, VARIABLES)
    assert "$" not in asked

    def has_data(prometheus: Prometheus) -> bool:
        found = prometheus.at(asked, time.time())
        return bool(found) and all(math.isfinite(series.values[0]) for series in found)

    scraping.until(has_data)


@pytest.mark.parametrize(
    ("variable", "values"),
    [
        ("namespace", ["translation"]),
        ("job", ["dragoman"]),
        ("pod", ["dragoman-0", "dragoman-1"]),
        ("model", ["tiny"]),
    ],
)
def test_a_variable_has_its_choices(scraping: Scraping, variable: str, values: list[str]) -> None:
    series, label = variable_query(variable)
    assert label == variable
    asked = f"group by ({label}) ({substituted(series, VARIABLES)})"
    found: list[Series] = []

    def has_all(prometheus: Prometheus) -> bool:
        found[:] = prometheus.at(asked, time.time())
        return len(found) == len(values)

    scraping.until(has_all)
    assert sorted(series.labels[label] for series in found) == values


def test_the_dashboard_can_be_drawn(scraping: Scraping, tmp_path: Path) -> None:
    file = tmp_path / "dashboard.svg"

    def has_data(prometheus: Prometheus) -> bool:  # of these seconds, in which it may stand still
        now = time.time()
        drawing = Drawing(board(), prometheus, VARIABLES, Window(now - 4, now, 1))
        drawing.save(file, "drawn by a test")
        words = {element.text for element in ElementTree.parse(file).iter() if element.text}
        assert {panel["title"] for panel in panels()} | {"drawn by a test"} <= words
        return {"dragoman-0", "RESOURCE_EXHAUSTED"} <= words

    scraping.until(has_data)


def test_every_rule_evaluates(scraping: Scraping) -> None:
    def evaluated(prometheus: Prometheus) -> bool:
        groups = prometheus.get("rules")["groups"]
        return bool(groups) and all(
            rule["health"] != "unknown" for group in groups for rule in group["rules"]
        )

    scraping.until(evaluated)
    found = [
        rule for group in scraping.prometheus.get("rules")["groups"] for rule in group["rules"]
    ]
    assert len(found) == len(rules("alert")) + len(rules("record"))
    assert {rule["name"]: rule.get("lastError") for rule in found if rule["health"] != "ok"} == {}


@pytest.mark.parametrize("record", [rule["record"] for rule in rules("record")])
def test_a_recording_rule_gives_a_value(scraping: Scraping, record: str) -> None:
    found: list[Series] = []

    def has_one(prometheus: Prometheus) -> bool:
        found[:] = prometheus.at(record, time.time())
        return len(found) == 1

    scraping.until(has_one)
    (series,) = found
    assert series.labels["namespace"] == "translation"
    assert math.isfinite(series.values[0])
