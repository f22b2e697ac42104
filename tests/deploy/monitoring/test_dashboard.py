"""The committed dashboard is what the code gives, and says how to read it."""

import re
from typing import Any

import pytest

from deploy.dashboards.dashboard import FILE, text
from deploy.dashboards.queries import BUDGET, NOT_COUNTED, OBJECTIVE_SECONDS
from tests.deploy.monitoring.component import panel_expressions, panels, rules


def test_the_committed_dashboard_is_the_generated_one() -> None:
    assert FILE.read_text("utf-8") == text(), "run python -m deploy.dashboards.dashboard"


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_a_panel_says_how_to_read_it(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    unit = panel["options"]["yAxis"] if panel["type"] == "heatmap" else _defaults(panel)
    assert unit["unit"]


def _defaults(panel: dict[str, Any]) -> dict[str, Any]:
    defaults: dict[str, Any] = panel["fieldConfig"]["defaults"]
    return defaults


def test_graphs_take_grafanas_own_window() -> None:
    for title, expression in panel_expressions():
        if "rate(" in expression:
            assert "[$__rate_interval]" in expression, title


def test_the_dashboard_and_the_rules_mean_the_same_objective() -> None:
    expressions = [rule["expr"] for kind in ("alert", "record") for rule in rules(kind)]
    everything = "\n".join(expressions)
    assert set(re.findall(r'code!~"(.*?)"', everything)) == {NOT_COUNTED}
    assert set(re.findall(r'le="(.*?)"', everything)) == {str(OBJECTIVE_SECONDS)}
    burning = [rule["expr"] for rule in rules("alert") if "SLO" in rule["alert"]]
    assert all(f"{BUDGET}\n" in expression for expression in burning)
