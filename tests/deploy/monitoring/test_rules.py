"""The rules are valid, and each alert fires when it should and not in cases close by."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.monitoring.component import rules, runbooks

CASES = Path(__file__).with_name("rules")


def test_promtool_finds_the_rules_clean(promtool: str, rules_file: Path) -> None:
    run = subprocess.run(
        [promtool, "check", "rules", rules_file], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.glob("*.yaml")))
def test_alerts_fire_as_the_cases_say(
    promtool: str, rules_file: Path, tmp_path: Path, name: str
) -> None:
    shutil.copy(rules_file, tmp_path / "rules.yaml")
    case = shutil.copy(CASES / name, tmp_path / name)
    run = subprocess.run(
        [promtool, "test", "rules", case], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_alert_has_cases_in_which_it_fires_and_in_which_it_does_not() -> None:
    checks = [
        check
        for path in CASES.glob("*.yaml")
        for case in yaml.safe_load(path.read_text())["tests"]
        for check in case["alert_rule_test"]
    ]
    alerts = {rule["alert"] for rule in rules("alert")}
    assert {check["alertname"] for check in checks if check.get("exp_alerts")} == alerts
    assert {check["alertname"] for check in checks if not check.get("exp_alerts")} == alerts


@pytest.mark.parametrize("alert", rules("alert"), ids=lambda alert: alert["alert"])
def test_an_alert_says_what_is_wrong_and_where_to_read_on(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("page", "ticket")
    annotations = alert["annotations"]
    assert annotations["summary"]
    assert "{{" in annotations["description"]
    assert annotations["runbook"] == f"docs/operations.md#{alert['alert'].lower()}"


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    headings = re.findall(r"^### (\w+)$", runbooks(), re.MULTILINE)
    assert sorted(headings) == sorted({rule["alert"] for rule in rules("alert")})
