"""A real server whose model is replaced, taken away and damaged while it translates."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from dragoman import Client
from dragoman.commands import health
from dragoman.errors import DragomanError
from tests.faults.footprint import OF_GRPC, POOL_THREADS, names_of_threads
from tests.integration.served import Served
from tests.integration.waiting import PATIENCE_SECONDS, until

TEXTS = ["Good morning.", "the dog is red", "a b c", "one two three four"]


LOADS = POOL_THREADS + 2


class Directory:
    """A directory of models, one of them called `model`, which is replaced in whole."""

    def __init__(self, path: Path, *bundles: Path) -> None:
        self.path = path
        self._bundles = bundles
        self._count = 0
        self.put()

    def put(self) -> None:
        """Puts the next of the bundles in the place of the one before."""
        new, old = self.path / ".new", self.path / ".old"
        shutil.copytree(self._bundles[self._count % len(self._bundles)], new)
        if self._count:
            (self.path / "model").rename(old)
        new.rename(self.path / "model")
        shutil.rmtree(old, ignore_errors=True)
        self._count += 1


@pytest.fixture
def directory(tmp_path: Path, float32_bundle: Path, int8_bundle: Path) -> Directory:
    return Directory(tmp_path, float32_bundle, int8_bundle)


@pytest.fixture
def server(directory: Directory) -> Iterator[Served]:
    with Served(None, models=directory.path, models_poll_seconds=0.05, engines=2) as server:
        yield server


def events(server: Served, name: str) -> int:
    return sum(f'"event": "{name}"' in line for line in server.log)


def answers(bundle: Path) -> list[str]:
    with Served(bundle) as alone, Client(alone.address) as client:
        return [each.translated_text for each in client.translate(TEXTS, max_decoding_length=12)]


def test_no_request_notices_that_the_model_is_replaced(
    server: Served, directory: Directory, float32_bundle: Path, int8_bundle: Path
) -> None:
    of_both = [answers(float32_bundle), answers(int8_bundle)]
    stop = threading.Event()

    def ask(client: Client) -> set[str]:
        versions = set()
        while not stop.is_set():
            found = client.translate(TEXTS, max_decoding_length=12)
            assert [each.translated_text for each in found] in of_both
            versions |= {each.model_version for each in found}
        return versions

    with Client(server.address, retry_seconds=0) as client, ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask, client) for _ in range(4)]
        for times in range(1, 5):
            directory.put()
            until(lambda times=times: events(server, "model_unloaded") == times)  # type: ignore[misc]
        stop.set()
        for each in asking:
            assert len(each.result()) == 2
    assert server.metric("requests_total", code="OK") > 10
    assert server.metric("request_failures_total") == 0


def test_what_was_replaced_leaves_nothing_behind(server: Served, directory: Directory) -> None:
    def load() -> None:
        before = events(server, "model_unloaded")
        directory.put()
        until(lambda: events(server, "model_unloaded") == before + 1)

    process = Path("/proc") / str(server.process.pid)
    with Client(server.address) as client:
        for _ in range(4):
            load()
            client.translate(TEXTS)
        before = _held(process)
        for _ in range(LOADS):
            load()
            client.translate(TEXTS)
        after = _held(process)
    assert after.memory < before.memory + 30_000_000
    assert after.files <= before.files + 2
    assert after.threads <= before.threads + POOL_THREADS < before.threads + LOADS


class Held(NamedTuple):
    """What a process has of the system's."""

    memory: int
    """Resident bytes."""
    files: int
    threads: int
    """But those of gRPC's."""


def _held(process: Path) -> Held:
    pages = int((process / "statm").read_text().split()[1])
    files = len(list((process / "fd").iterdir()))
    threads = sum(name not in OF_GRPC for name in names_of_threads(process))
    return Held(pages * os.sysconf("SC_PAGE_SIZE"), files, threads)


@pytest.mark.parametrize("name", ["bundle.json", "decoder.onnx", "weights.bin"])
def test_a_damaged_bundle_leaves_the_old_one_serving(
    server: Served, directory: Directory, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = directory.path / ".damaged"
    shutil.copytree(directory.path / "model", damaged)
    (damaged / name).write_bytes(b"nonsense")
    (directory.path / "model").rename(directory.path / ".old")
    damaged.rename(directory.path / "model")
    until(lambda: events(server, "model_load_failed") == 1)
    assert server.metric("model_load_failed", bundle="model") == 1
    assert health.main(["--target", server.address]) == health.SERVING
    capsys.readouterr()
    assert health.main(["--target", server.address, "--service", "bundles"]) == health.NOT_SERVING
    state, reason = capsys.readouterr().out.splitlines()
    assert (state, reason) == (
        "NOT_SERVING",
        f"model: {server.event('model_load_failed')['reason']}",
    )
    with Client(server.address) as client:
        (version,) = {each.model_version for each in client.translate(TEXTS)}
        (directory.path / "model").rename(directory.path / ".bad")
        (directory.path / ".old").rename(directory.path / "model")
        until(lambda: "model_load_failed{" not in _page(server))
        assert {each.model_version for each in client.translate(TEXTS)} == {version}
    assert health.main(["--target", server.address, "--service", "bundles"]) == health.SERVING


def _page(server: Served) -> str:
    try:
        server.metric("model_load_failed")
    except KeyError:
        return ""
    return "model_load_failed{"


def test_a_server_that_is_told_to_stop_while_it_loads_answers_and_ends(
    server: Served, directory: Directory
) -> None:
    with Client(server.address, retry_seconds=0) as client:
        client.translate(TEXTS)
        directory.put()
        server.terminate()
        assert server.wait() == 0
        with pytest.raises(DragomanError):
            client.translate(TEXTS)
    assert '"stopped"' in server.log[-1]


def test_a_directory_without_models_is_waited_for(tmp_path: Path, float32_bundle: Path) -> None:
    with (
        Served(None, models=tmp_path, models_poll_seconds=0.05) as server,
        Client(server.address, retry_seconds=PATIENCE_SECONDS) as client,
    ):
        Directory(tmp_path, float32_bundle)
        assert len(client.translate(TEXTS)) == len(TEXTS)


def test_a_bundle_that_is_given_stays_beside_a_directory_that_is_followed(
    tmp_path: Path, float32_bundle: Path, int8_bundle: Path
) -> None:
    given, followed = tmp_path / "tiny@1", tmp_path / "models"
    shutil.copytree(float32_bundle, given)
    followed.mkdir()
    with (
        Served(given, models=followed, models_poll_seconds=0.05, engines=1) as server,
        Client(server.address) as client,
    ):
        shutil.copytree(int8_bundle, followed / ".new")
        (followed / ".new").rename(followed / "tiny@2")
        until(lambda: events(server, "model_loaded") == 2)
        until(lambda: len(client.models()) == 2)
        time.sleep(0.5)  # several looks
        assert [model.version for model in client.models()] == ["1", "2"]
