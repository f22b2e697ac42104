import json
import os
from pathlib import Path

import pytest

from dragoman_server.doctor.cli import STATUS, examine, main
from dragoman_server.doctor.finding import Finding, worst
from tests.server.bundles import write_bundle


@pytest.fixture
def settings(tmp_path: Path) -> list[str]:
    write_bundle(tmp_path / "bundle")
    bundle = str(tmp_path / "bundle")
    return ["--bundle", bundle, "--port", "0", "--prometheus-port", "0", "--engines", "1"]


def test_each_check_has_a_line(settings: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status = main(settings)
    lines = capsys.readouterr().out.splitlines()
    findings = list(examine(settings, os.environ))
    assert status == STATUS[worst(findings)] < 2
    assert [line for line in lines if not line.startswith(" ")] == [
        f"{each.state:8} {each.check}: {each.found}" for each in findings
    ]
    checks = {each.check.partition(" /")[0] for each in findings}
    expected = {"settings", "bundle", "provider", "memory", "cpus", "port", "tls", "clock"}
    assert expected <= checks
    assert {"open files", "core files", "huge pages", "prometheus_port"} <= checks


def test_json_says_the_same(settings: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--json", *settings])
    report = json.loads(capsys.readouterr().out)
    assert STATUS[report["state"]] == status
    assert set(report["findings"][0]) == set(Finding._fields)


def test_wrong_settings_are_the_only_finding(
    settings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*settings, "--max-batch-sice", "3"]) == 2
    (line, advice) = capsys.readouterr().out.splitlines()
    assert line.startswith("problem  settings: unknown flag --max-batch-sice")
    assert "dragoman serve --help" in advice


def test_what_kubernetes_injects_is_told(
    settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGOMAN_PORT", "tcp://10.0.0.1:50051")
    (finding,) = examine(settings, os.environ)
    assert "enableServiceLinks: false" in finding.found


def test_a_problem_is_the_exit_status(settings: list[str], tmp_path: Path) -> None:
    (tmp_path / "bundle" / "encoder.onnx").unlink()
    assert main(settings) == 2


def test_it_is_a_command_of_dragoman(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "Exit status: 0 all is well" in " ".join(capsys.readouterr().out.split())
