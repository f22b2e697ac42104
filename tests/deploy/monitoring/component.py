"""What is in the monitoring component, and what its expressions ask for."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
COMPONENT = ROOT / "deploy/components/monitoring"

METRIC = re.compile(r"(?<![\w:])(?:dragoman|process|python)_\w+")


def rule_groups() -> list[dict[str, Any]]:
    """The groups of the PrometheusRule."""
    rule = yaml.safe_load((COMPONENT / "prometheus-rule.yaml").read_text())
    groups: list[dict[str, Any]] = rule["spec"]["groups"]
    return groups


def write_rules(directory: Path) -> Path:
    """Writes them as a file of rules, as Prometheus and promtool read it."""
    file = directory / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": rule_groups()}))
    return file


def rules(kind: str) -> list[dict[str, Any]]:
    """All rules of a kind, `alert` or `record`."""
    found = [rule for group in rule_groups() for rule in group["rules"] if kind in rule]
    assert found
    return found


def board() -> dict[str, Any]:
    """The dashboard, as Grafana reads it."""
    content: dict[str, Any] = json.loads((COMPONENT / "dashboard.json").read_text("utf-8"))
    return content


def panels() -> list[dict[str, Any]]:
    """The dashboard's panels, less the headings of rows."""
    return [panel for panel in board()["panels"] if panel["type"] != "row"]


def variable_query(name: str) -> tuple[str, str]:
    """The series, and the label of them, that a variable of the dashboard chooses from."""
    (query,) = [entry["query"] for entry in board()["templating"]["list"] if entry["name"] == name]
    match = re.fullmatch(r"label_values\((.*), (\w+)\)", query)
    assert match
    return match[1], match[2]


def panel_expressions() -> list[tuple[str, str]]:
    """Title and expression of all the panels' queries."""
    return [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]


def runbooks() -> str:
    """The part of the operations page that says what to do about alerts."""
    _, _, section = (ROOT / "docs/operations.md").read_text("utf-8").partition("\n## Alerts\n")
    return section.partition("\n## ")[0]


def metrics_of(expression: str) -> set[str]:
    """Names of the scraped metrics that an expression, or a text, asks for."""
    return set(METRIC.findall(expression))
