"""The command line, as far as nothing is translated."""

import argparse
import importlib.util
from pathlib import Path

import pytest

from dragoman.corpora import cli
from dragoman_server.in_process import InProcess


@pytest.fixture(autouse=True)
def ray_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: object())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either --target HOST:PORT or --bundle DIR"),
        (["--target", "a:1", "--bundle", "b"], "give either --target HOST:PORT or --bundle DIR"),
        (["--bundle", "b", "--workers", "0"], "--workers must be at least 1, not 0"),
        (["--bundle", "b", "--shard-lines", "0"], "--shard-lines must be at least 1, not 0"),
        (["--target", "a:1", "--timeout", "0"], "--timeout must be more than 0 seconds, not 0"),
        (["--target", "a:1", "--patience", "-1"], "--patience must be at least 0 seconds, not -1"),
        (["--target", "a:1", "--tls-certificate", "c"], "--tls-private-key together"),
    ],
)
def test_wrong_usage_is_explained(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["text", "--output", "out", *arguments])
    assert message in capsys.readouterr().err


def test_without_ray_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["text", "--output", "out", "--bundle", "b"])
    assert "pip install '.[ray]'" in capsys.readouterr().err


def test_engines_in_the_workers_need_the_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else object()
    )
    with pytest.raises(SystemExit, match="2"):
        cli.main(["text", "--output", "out", "--bundle", "b"])
    assert "pip install '.[ray,server]'" in capsys.readouterr().err


def test_a_bundle_is_translated_by_what_the_server_brings(tmp_path: Path) -> None:
    arguments = argparse.Namespace(target="", bundle=tmp_path, cpus=2)
    assert cli._backend(arguments) == InProcess(tmp_path, engines=2)
