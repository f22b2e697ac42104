"""How engines are spread over processes: as asked for, or where it is found to be faster."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import Limits
from dragoman_server import hosted
from dragoman_server.config import Config
from dragoman_server.errors import BackendError, ConfigError, DragomanError
from dragoman_server.hosted import Recipe, layout_of, load_if_faster
from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.layout import Layout
from dragoman_server.runtime.prepared import Runners
from dragoman_server.runtime.runtimes import Chosen

SHAPE = CacheShape(1, 16, 1, 8, 8, 8, "float")


def chosen(provider: str = "cpu") -> Chosen:
    return Chosen("onnxruntime", None, provider)  # type: ignore[arg-type]


def config(**settings: Any) -> Config:
    return Config(bundle=("unread",), **settings)


@pytest.mark.parametrize(
    ("settings", "layout"),
    [
        ({}, Layout(8, 1)),
        ({"threads_per_engine": 2}, Layout(4, 2)),
        ({"engines": 5, "threads_per_engine": 2}, Layout(5, 2)),
    ],
)
def test_processes_share_the_engines_that_there_would_be(
    settings: dict[str, int], layout: Layout
) -> None:
    assert layout_of(config(**settings), 2, chosen(), cores=8, is_alone=True) == layout


@pytest.mark.parametrize(
    ("processes", "provider", "is_alone", "message"),
    [
        (2, "cuda", True, "only engines on cpu may have processes"),
        (2, "cpu", False, "with several models"),
        (9, "cpu", True, "engine_processes 9 are more than the 8 engines"),
    ],
)
def test_processes_that_cannot_be_are_refused(
    processes: int, provider: str, is_alone: bool, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        layout_of(config(), processes, chosen(provider), cores=8, is_alone=is_alone)


class Processes:
    """In place of LoadedProcesses."""

    def __init__(self, speed: float | DragomanError) -> None:
        self.processes = [object(), object()]
        self.speed = speed
        self.is_closed = False

    def rows_per_second(self, *_: object) -> float:
        if isinstance(self.speed, DragomanError):
            raise self.speed
        return self.speed

    def close(self) -> None:
        self.is_closed = True


def tried(
    monkeypatch: pytest.MonkeyPatch,
    *,
    engines: int,
    threads: float | DragomanError,
    there: float | DragomanError,
    size: int = 1,
) -> tuple[object, list[Processes]]:
    """Tries engines of which one alone makes 100 rows a second."""
    started: list[Processes] = []

    def load_processes(_: Recipe, count: int, processes: int) -> Processes:
        assert (count, processes) == (engines, 2)
        if isinstance(there, ConfigError):
            raise there
        started.append(Processes(there))
        return started[-1]

    def speed(runners: list[object], **_: object) -> float:
        if isinstance(threads, DragomanError):
            raise threads
        return 100.0 if len(runners) == 1 else threads

    monkeypatch.setattr(hosted, "load_processes", load_processes)
    monkeypatch.setattr(hosted, "rows_per_second", speed)
    monkeypatch.setattr(hosted, "file_bytes", lambda _: size)
    runners = Runners([SimpleNamespace()] * engines, [], SHAPE, 0, Layout(engines, 1))
    recipe = Recipe(Bundle(Path("unread"), Manifest()), config(), Limits(), 1, SHAPE)
    return load_if_faster(recipe, runners), started


def test_processes_are_taken_where_threads_hold_each_other_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, started = tried(monkeypatch, engines=8, threads=500.0, there=700.0)
    assert [found] == started
    assert not started[0].is_closed


def test_processes_that_are_no_faster_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    found, started = tried(monkeypatch, engines=8, threads=500.0, there=540.0)
    assert found is None
    assert started[0].is_closed


@pytest.mark.parametrize(
    ("threads", "there"),
    [
        (500.0, ConfigError("no room for caches")),
        (500.0, DragomanError("a process ended")),
        (BackendError("translating failed"), 1e9),
    ],
    ids=["no room for processes", "a process that ends", "steps that fail"],
)
def test_engines_stay_threads_where_the_trial_fails_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    threads: float | DragomanError,
    there: float | DragomanError,
) -> None:
    found, started = tried(monkeypatch, engines=8, threads=threads, there=there)
    assert found is None
    assert all(each.is_closed for each in started)
    (record,) = caplog.records
    assert record.message == "processes_trial_failed"
    assert vars(record)["reason"] in {str(threads), str(there)}


@pytest.mark.parametrize(
    ("engines", "threads", "size"),
    [(8, 730.0, 1), (3, 100.0, 1), (8, 100.0, hosted.MOST_BYTES + 1)],
    ids=["threads have full speed", "few engines", "a large model"],
)
def test_processes_are_not_even_started_where_they_cannot_gain(
    monkeypatch: pytest.MonkeyPatch, engines: int, threads: float, size: int
) -> None:
    found, started = tried(monkeypatch, engines=engines, threads=threads, there=1e9, size=size)
    assert found is None
    assert not started
