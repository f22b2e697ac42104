"""`dragoman load` against the fake server, LoadGen included. Tests last for tenths of a second."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]  # it has .pyi files but no py.typed

from dragoman.load import cli
from tests.clients.fake_server import FakeServer, status

TEXTS = ("one", "two", "three", "four")


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


class Command:
    """`dragoman load` in this process; `report` is what its JSON says."""

    def __init__(self, server: FakeServer, directory: Path) -> None:
        self._server = server
        self._json = directory / "report.json"
        self.directory = directory
        self.source = self.write("source.txt", *TEXTS)
        self.report: dict[str, Any] = {}

    def write(self, name: str, *lines: str) -> Path:
        path = self.directory / name
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        return path

    def __call__(self, *arguments: str | Path) -> int:
        fixed = ("--target", self._server.target, "--metrics-url", "none", "--warm-up", "0.05")
        files = ("--input", self.source, "--json", self._json)
        code = cli.main([*map(str, (*fixed, *files)), *map(str, arguments)])
        if self._json.exists():
            self.report = json.loads(self._json.read_text("utf-8"))
        return code

    @property
    def run(self) -> dict[str, Any]:
        """The last one."""
        found: dict[str, Any] = self.report["runs"][-1]
        return found


@pytest.fixture
def command(server: FakeServer, tmp_path: Path) -> Command:
    return Command(server, tmp_path)


SERVER = ("--target-qps", "500", "--duration", "0.5", "--latency-bound-ms", "20000")
"""Fewer requests tell LoadGen too little about the 97th percentile. How fast the machine is must
not matter here."""


def test_every_text_of_a_server_run_is_a_request_with_its_answer(
    command: Command, server: FakeServer
) -> None:
    assert command(*SERVER) == cli.VALID
    assert command.run["scenario"] == "server"
    assert command.run["outcomes"] == {"OK": command.run["requests"]}
    assert command.run["valid"]
    sent = [list(request.contents) for request in server.requests]
    assert all(len(contents) == 1 and contents[0] in TEXTS for contents in sent)
    assert {contents[0] for contents in sent} == set(TEXTS)
    percentiles = list(command.run["latency_ms"].values())
    assert percentiles == sorted(percentiles)
    assert "MLPerf Results Summary" in command.run["loadgen_summary"]


@pytest.mark.parametrize("clients", ["1", "2"])
def test_every_request_has_the_key_and_no_report_does(
    command: Command, server: FakeServer, capfd: pytest.CaptureFixture[str], clients: str
) -> None:
    html = command.directory / "report.html"
    flags = ("--clients", clients, "--html", html)
    for given in (("--api-key", "dragoman_canary"), ("--api-key=dragoman_canary",)):
        server.keys.clear()
        assert command(*SERVER, *flags, *given) == cli.VALID
        assert set(server.keys) == {"Bearer dragoman_canary"}
        assert "--api-key" in command.report["command"]
        assert "canary" not in json.dumps(command.report) + html.read_text("utf-8")
    assert "canary" not in "".join(capfd.readouterr())


def test_the_same_seed_sends_the_same_texts(command: Command, server: FakeServer) -> None:
    def order(seed: str) -> list[str]:
        server.requests.clear()
        command(*SERVER, "--seed", seed)
        return [request.contents[0] for request in server.requests][-command.run["requests"] :]

    first, again, other = order("1"), order("1"), order("2")
    assert sorted(first) == sorted(again)
    assert len(first) != len(other) or sorted(first) != sorted(other)


def test_a_server_that_answers_one_text_wrongly_is_invalid_with_the_text(
    command: Command, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = command.write("expected.txt", *(text.upper() for text in TEXTS))
    assert command(*SERVER, "--expected", expected) == cli.VALID
    server.mistakes["three"] = "drei"
    assert command(*SERVER, "--expected", expected) == cli.INVALID
    wrong = "line 3, 'three': expected 'THREE', came 'DREI'"
    assert set(command.report["wrong"]) == {wrong}
    assert wrong in capsys.readouterr().out
    assert command.run["outcomes"]["WRONG"] < command.run["requests"]
    assert any("answers were wrong" in reason for reason in command.run["reasons"])


def test_requests_that_are_refused_make_a_run_invalid(command: Command, server: FakeServer) -> None:
    server.refused.add("two")
    assert command(*SERVER) == cli.INVALID
    outcomes = command.run["outcomes"]
    assert outcomes.keys() == {"OK", "RESOURCE_EXHAUSTED"}
    assert sum(outcomes.values()) == command.run["requests"]
    refused = outcomes["RESOURCE_EXHAUSTED"]
    assert command.run["reasons"] == [
        (
            f"{refused} of {command.run['requests']} requests ended with RESOURCE_EXHAUSTED: "
            "the queue is full"
        )
    ]
    assert command.run["refusal_ms"]["50"] > 0


def test_offline_sends_several_texts_a_request_in_order(
    command: Command, server: FakeServer
) -> None:
    expected = command.write("expected.txt", *(text.upper() for text in TEXTS))
    arguments = ("--scenario", "offline", "--duration", "0.3", "--expected", expected)
    command(*arguments, "--texts-per-request", "3")
    assert command.run["outcomes"] == {"OK": command.run["requests"]}
    assert max(len(request.contents) for request in server.requests) == 3


def test_single_stream_sends_one_request_after_the_other(command: Command) -> None:
    # A slow machine too sends as many as LoadGen wants to see.
    assert command("--scenario", "single-stream", "--duration", "3") == cli.VALID
    assert command.run["offered_rate"] is None
    assert command.run["seconds"] >= 3


def test_single_stream_does_not_run_out_of_requests(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However fast the server: LoadGen takes 1 ms for short and would have 1,000 a second."""
    monkeypatch.setattr("dragoman.load.loadgen.SHORT_LATENCY_NS", 100_000_000)
    command("--scenario", "single-stream", "--duration", "0.5")
    assert not any("min duration" in reason for reason in command.run["reasons"])


def test_several_client_processes_share_the_work(command: Command) -> None:
    expected = command.write("expected.txt", *(text.upper() for text in TEXTS))
    assert command(*SERVER, "--clients", "2", "--expected", expected) == cli.VALID
    assert command.run["effort"]["client_cores"] > 0.0
    assert command.run["outcomes"] == {"OK": command.run["requests"]}


def test_the_peak_is_the_last_run_of_a_search(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A test at a rate far below one a second would only wait for its few requests.
    monkeypatch.setattr("dragoman.load.peak.LOWEST_RATE", 200.0)
    arguments = ("--find-peak", "--target-qps", "600", "--trial-duration", "0.2")
    bound = ("--latency-bound-ms", "0.0001")
    assert command(*arguments, "--duration", "0.2", *bound) == cli.INVALID
    assert command.report["peak"] is None
    assert len(command.report["runs"]) > 3
    assert "No rate was found that keeps the bound" in command.report["search_told"]


def test_short_trials_are_extended_until_they_decide(
    command: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial of 0.4 s has 100 requests, of which nothing is to be learnt."""
    monkeypatch.setattr("dragoman.load.search.GROWTH", 2.0)
    arguments = ("--find-peak", "--target-qps", "250", "--trial-duration", "0.4")
    command(*arguments, "--duration", "1", "--latency-bound-ms", "100", "--peak-precision", "100")
    assert all(run["requests"] >= 152 or not run["valid"] for run in command.report["runs"])
    assert command.report["runs"][0]["target_rate"] == 250.0
    assert "too few" not in capsys.readouterr().err


def test_a_run_that_is_too_short_is_told_with_the_duration_that_would_do(
    command: Command,
) -> None:
    arguments = ("--target-qps", "200", "--latency-bound-ms", "20000")
    assert command(*arguments, "--duration", "0.1") == cli.INVALID
    (reason,) = command.run["reasons"]
    told = re.fullmatch(r"LoadGen: (\d+) requests are too few .* --duration (\S+)", reason)
    assert told is not None
    assert command(*arguments, "--duration", told[2]) == cli.VALID


def test_the_verdict_is_told_once(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(*SERVER) == cli.VALID
    told = capsys.readouterr()
    assert (told.out + told.err).count("VALID") == 1
    assert told.out.endswith("VALID\n")


def test_references_give_bleu_and_chrf(command: Command) -> None:
    references = command.write("references.txt", *(text.upper() for text in TEXTS))
    command(*SERVER, "--references", references)
    assert command.report["quality"]["chrf"] == pytest.approx(100)
    assert command.report["quality"]["texts"] == len(TEXTS)


def test_target_lengths_are_asked_of_the_server(command: Command, server: FakeServer) -> None:
    lengths = command.write("lengths.txt", *(str(len(text)) for text in TEXTS))
    assert command(*SERVER, "--target-lengths", lengths) == cli.VALID
    for request in server.requests:
        assert request.options.max_decoding_length == len(request.contents[0])


def test_the_html_report_is_written(command: Command) -> None:
    html = command.directory / "deep" / "report.html"
    command(*SERVER, "--html", html)
    assert html.read_text("utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("flag", ["--json", "--html", "--logs"])
def test_an_output_that_cannot_be_written_is_told_before_the_test(
    command: Command, server: FakeServer, capsys: pytest.CaptureFixture[str], flag: str
) -> None:
    in_the_way = command.write("file", "")
    assert command(*SERVER, flag, in_the_way / "below") == cli.NOT_DONE
    assert f"cannot write {flag} {in_the_way / 'below'}: Not a directory" in capsys.readouterr().err
    folder = command.directory / "folder"
    folder.mkdir()
    if flag != "--logs":
        assert command(*SERVER, flag, folder) == cli.NOT_DONE
        assert "Is a directory" in capsys.readouterr().err
    assert not server.requests


def test_loadgens_files_are_kept_where_asked_to(command: Command) -> None:
    command(*SERVER, "--logs", command.directory / "logs")
    assert (command.directory / "logs/test-01/mlperf_log_detail.txt").stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "needs --target-qps, or --find-peak"),
        (("--target-qps", "0"), "--target-qps must be more than 0, at most 1,000,000, not 0"),
        (
            ("--target-qps", "1", "--duration", "inf"),
            "--duration must be more than 0, at most 604,800, not inf",
        ),
        (("--target-qps", "nan"), "--target-qps must be more than 0"),
        (
            ("--target-qps", "1", "--clients", "1000"),
            "--clients must be from 1, at most 256, not 1000",
        ),
        (("--target-qps", "1", "--seed", "-1"), "--seed must be from 0 to"),
        (("--find-peak", "--scenario", "offline"), "--find-peak is of the server scenario"),
        (("--target-qps", "1", "--texts-per-request", "2"), "is of the offline scenario"),
        (
            ("--find-peak", "--trial-duration", "0.9"),
            "--trial-duration must be at least 4 times --latency-bound-ms, 1 s, not 0.9",
        ),
        (
            ("--target-qps", "1", "--percentile", "100"),
            "--percentile must be more than 0, at most 99.99, not 100",
        ),
        (("--target-qps", "1", "--metrics-url", "ftp://x"), "must be an http URL or none"),
        (("--target-qps", "1", "--timeout", "0"), "--timeout must be more than 0 seconds"),
    ],
)
def test_what_makes_no_sense_is_told(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == cli.NOT_DONE
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("clients", ["1", "2"])
def test_a_server_that_fails_everything_ends_the_test_at_once_with_its_words(
    command: Command, server: FakeServer, capsys: pytest.CaptureFixture[str], clients: str
) -> None:
    missing = status(code_pb2.NOT_FOUND, "no model translates into fr;\n there is de")
    server.failures.extend([missing] * 10_000)
    server.fails_models = False
    arguments = ("--warm-up", "60", "-t", "fr", "--clients", clients)
    assert command(*SERVER, *arguments) == cli.NOT_DONE
    told = capsys.readouterr().err
    assert "ended with NOT_FOUND: no model translates into fr; there is de" in told
    assert not command.report


def test_a_server_that_refuses_everything_is_not_tested(
    command: Command, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.refused.update(TEXTS)
    assert command(*SERVER) == cli.NOT_DONE
    told = capsys.readouterr().err
    assert "no sentence was translated while warming up" in told
    assert "RESOURCE_EXHAUSTED: the queue is full" in told


def test_a_reader_that_goes_away_ends_the_test_without_a_word(server: FakeServer) -> None:
    program = "import sys; from dragoman.commands.cli import main; sys.exit(main(sys.argv[1:]))"
    flags = ("--target", server.target, "--metrics-url", "none", "--warm-up", "0.05")
    read, write = os.pipe()
    os.close(read)
    run = subprocess.run(
        [sys.executable, "-c", program, "load", *flags, *SERVER],
        stdout=subprocess.PIPE,
        stderr=write,
        check=False,
    )
    os.close(write)
    assert (run.returncode, run.stdout) == (141, b"")


def test_a_wrong_target_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["--target", "127.0.0.1:1", "--target-qps", "1", "--metrics-url", "none"])
    assert code == cli.NOT_DONE
    assert "dragoman load: " in capsys.readouterr().err


def test_a_server_without_metrics_is_tested_all_the_same(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "http://127.0.0.1:1/metrics"
    arguments = ("--target", server.target, "--metrics-url", url, "--warm-up", "0.05")
    assert cli.main([*arguments, *SERVER]) == cli.VALID
    assert f"no metrics at {url}" in capsys.readouterr().err
