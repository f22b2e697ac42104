"""The example on a real Ray with a real model, while what it needs dies."""

import importlib.util
import os
import signal
import socket
from pathlib import Path

import pytest

from dragoman.commands.lines import encode_line
from dragoman.v1.translation_pb2 import StreamTranslateTextRequest, Translation
from dragoman_server.config import Config
from dragoman_server.local import LocalTranslator
from tests.clients.corpora.running import Run
from tests.integration.served import Served

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None,
        reason="Ray is not installed: `make ray-test` installs it",
    ),
]

SHARD_LINES = 20
SHARDS = 150
NOUNS = ["cat", "house", "river", "road", "fox", "dog", "mat", "number"]
LINES = [
    f"{number} the {NOUNS[number % 8]} knows the {NOUNS[number // 8 % 8]}"
    for number in range(SHARD_LINES * SHARDS)
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "text"
    path.write_text("\n".join(LINES), newline="")
    return path


@pytest.fixture(scope="module")
def expected(float32_bundle: Path) -> bytes:
    """What the lines are translated into where nothing dies."""
    requests = (StreamTranslateTextRequest(content=line) for line in LINES)
    with LocalTranslator.open(Config(bundle=float32_bundle, engines=1)) as translator:
        outcomes = list(translator.translate_stream(requests))
    assert all(isinstance(outcome, Translation) for outcome in outcomes)
    return b"".join(
        encode_line(outcome.translated_text)
        for outcome in outcomes
        if isinstance(outcome, Translation)
    )


def arguments_of(source: Path, *more: object) -> list[object]:
    return [source, "--shard-lines", SHARD_LINES, "--cpus", 1, *more]


def test_a_killed_worker_costs_no_line_and_doubles_none(
    tmp_path: Path, source: Path, float32_bundle: Path, expected: bytes
) -> None:
    output = tmp_path / "out"
    with Run(output, *arguments_of(source, "--bundle", float32_bundle)) as run:
        run.wait_for(shards=3)
        (worker,) = run.workers()
        os.kill(worker, signal.SIGKILL)
        assert len(run.accounts()) < SHARDS
        assert run.end() == 0, run.log
    assert len(run.workers()) == 2
    assert (output / "text").read_bytes() == expected


def test_a_killed_run_goes_on_where_it_was(
    tmp_path: Path, source: Path, float32_bundle: Path, expected: bytes
) -> None:
    output = tmp_path / "out"
    arguments = arguments_of(source, "--bundle", float32_bundle)
    with Run(output, *arguments) as run:
        run.wait_for(shards=3)
        run.process.kill()
        run.end()
    before = run.accounts()
    assert 3 <= len(before) < SHARDS
    assert not (output / "text").exists()
    with Run(output, *arguments) as run:
        assert run.end() == 0, run.log
    after = run.accounts()
    assert len(after) == SHARDS
    assert {name: after[name] for name in before} == before
    assert (output / "text").read_bytes() == expected


def test_a_server_that_is_restarted_costs_no_line(
    tmp_path: Path, source: Path, float32_bundle: Path, expected: bytes
) -> None:
    output = tmp_path / "out"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"port": port, "engines": 1}
    with Served(float32_bundle, **settings) as server:
        target = f"127.0.0.1:{port}"
        with Run(output, *arguments_of(source, "--target", target)) as run:
            run.wait_for(shards=3)
            server.terminate()
            assert server.wait() == 0
            assert len(run.accounts()) < SHARDS
            with Served(float32_bundle, **settings):
                assert run.end() == 0, run.log
    assert (output / "text").read_bytes() == expected


def test_a_wrong_option_stops_the_job_with_one_line(
    tmp_path: Path, source: Path, float32_bundle: Path
) -> None:
    output = tmp_path / "out"
    arguments = arguments_of(source, "--bundle", float32_bundle, "--beam-size", 99)
    with Run(output, *arguments) as run:
        assert run.end() == 2
    *_, last = run.log.splitlines()
    assert last.startswith("dragoman corpora: options.beam_size is 99; allowed: 1 to ")
    assert run.accounts() == {}
    assert not (output / "text").exists()
