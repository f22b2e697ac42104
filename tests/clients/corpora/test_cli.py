"""The command line, as far as nothing is translated."""

import argparse
import importlib.util
import json
import sys
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace

import pytest

from dragoman.commands.arguments import translation_options
from dragoman.corpora import cli
from dragoman.corpora.storage.shards import Shard
from dragoman.corpora.worker import Report, Task
from dragoman_server.in_process import InProcess
from tests.clients.corpora.stand_ins import UpperBackend, Workers


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
    monkeypatch.setattr(importlib.util, "find_spec", {"ray": object()}.get)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["text", "--output", "out", "--bundle", "b"])
    error = capsys.readouterr().err
    assert "pip install '.[ray,server]', or '.[ray,torch]' for bundles that PyTorch runs" in error


@pytest.mark.parametrize("library", ["onnxruntime", "torch"])
def test_one_of_the_libraries_that_run_bundles_is_enough(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", dict.fromkeys(["ray", library], 1).get)
    arguments = cli._parser().parse_args(["text", "--output", "out", "--bundle", "b"])
    assert cli._problem(arguments) == ""


@pytest.mark.parametrize(
    ("flags", "priority"), [([], "bulk"), (["--priority", "interactive"], "interactive")]
)
def test_a_corpus_is_bulk_unless_told_otherwise(flags: list[str], priority: str) -> None:
    arguments = cli._parser().parse_args(["text", "--output", "out", "--target", "a:1", *flags])
    assert translation_options(arguments).priority == priority


def test_a_bundle_is_translated_by_what_the_server_brings(tmp_path: Path) -> None:
    arguments = argparse.Namespace(target="", bundle=tmp_path, cpus=2)
    assert cli._backend(arguments) == InProcess(tmp_path, engines=2)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Upper-cases in this process what Ray would hand to others."""

    def translate_shards(
        shards: list[Shard], task: Task, cluster: tuple[str, int, int]
    ) -> Generator[Report, None, None]:
        assert cluster == ("local", 1, 3)
        return Workers()(shards, task)

    pool = SimpleNamespace(Cluster=lambda *parts: parts, translate_shards=translate_shards)
    monkeypatch.setitem(sys.modules, "dragoman.corpora.pool", pool)
    monkeypatch.setattr(cli, "_backend", lambda _arguments: UpperBackend())


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("text", "translated", "said"),
    [
        ("one\n\ntwo", b"ONE\n\nTWO\n", "3 lines: 2 translated, 1 empty, 0 cut, 0 failed"),
        ("one\nlong", b"ONE\nLONG\n", "1 cut, 0 failed"),
        ("one\nbad", b"ONE\n\n", "0 cut, 1 failed"),
    ],
)
def test_a_job_ends_with_its_account(
    text: str,
    translated: bytes,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, output = tmp_path / "text", tmp_path / "out"
    source.write_text(text, newline="")
    arguments = ["--output", str(output), "--bundle", "b", "--cpus", "3"]

    status = cli.main([str(source), *arguments])

    assert status == (cli.LINES_FAILED if "1 failed" in said else cli.OK)

    assert (output / "text").read_bytes() == translated
    told = capsys.readouterr().err
    assert said in told
    assert ("problems.jsonl says which and why" in told) == ("0 cut, 0 failed" not in told)


@pytest.mark.usefixtures("here")
def test_warnings_are_counted_and_kept_with_their_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "text", tmp_path / "out"
    source.write_text("one\nlost")
    assert (
        cli.main([str(source), "--output", str(output), "--bundle", "b", "--cpus", "3"]) == cli.OK
    )
    kept = output / "_job/warnings.jsonl"
    assert f"lines with warnings: 1 PLACEHOLDER_MOVED; {kept}\n" in capsys.readouterr().err
    told = [json.loads(line) for line in kept.read_text().splitlines()]
    warned = {"reason": "PLACEHOLDER_MOVED", "message": "{x} was lost"}
    assert told == [{"file": "text", "line": 2} | warned] * 2


def test_terms_and_placeholders_are_options_of_all_lines(tmp_path: Path) -> None:
    glossary = tmp_path / "terms.tsv"
    glossary.write_text("en\tde\ncar\tKraftwagen\n")
    flags = ["-s", "en", "-t", "de", "--glossary", str(glossary), "--glossary-mode", "soft"]
    flags += ["--dnt", "New York", "--protect-placeholders"]
    command = ["a", "--output", "o", "--bundle", "b", "--seed", "3", *flags]
    options = cli._options(cli._parser().parse_args(command))
    assert options.protect_placeholders
    assert options.dnt_phrases == ("New York",)
    assert (options.glossary, options.glossary_mode) == ("", "soft")
    assert options.glossary_entries == (("car", "Kraftwagen"),)
    assert options.seed == 3


@pytest.mark.usefixtures("here")
def test_a_glossary_that_is_none_stops_the_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_text("one")
    glossary = tmp_path / "terms.tsv"
    glossary.write_text("car\n")
    arguments = ["--output", str(tmp_path / "out"), "--bundle", "b", "--cpus", "3"]
    arguments += ["--glossary", str(glossary)]
    assert cli.main([str(tmp_path / "text"), *arguments]) == cli.NOT_DONE
    assert "--glossary" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_a_job_that_cannot_be_done_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--output", str(tmp_path / "out"), "--bundle", "b", "--cpus", "3"]

    assert cli.main([str(tmp_path / "none"), *arguments]) == cli.NOT_DONE

    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "none") in line
