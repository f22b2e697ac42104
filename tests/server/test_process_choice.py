"""Engines get processes where that serves better, and stay threads where it does not or fails."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import Limits
from dragoman_server import process_choice
from dragoman_server.config import Config
from dragoman_server.errors import BackendError, ConfigError, DragomanError
from dragoman_server.hosted import Recipe
from dragoman_server.models.bundle import Bundle
from dragoman_server.process_choice import load_if_faster
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.layout import Layout
from dragoman_server.runtime.prepared import Runners

SHAPE = CacheShape(1, 16, 1, 8, 8, 8, "float")


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
    size: int = process_choice.MOST_BYTES,
    memory: int = 64 << 30,
    **settings: Any,
) -> tuple[object, list[Processes]]:
    """Tries engines of which one alone makes 100 rows a second.

    Args:
        monkeypatch: Puts the figures in place of what would be measured.
        engines: So many.
        threads: Rows that they make a second as threads, or what ends the trial.
        there: Likewise in processes.
        size: Bytes of the model's files.
        memory: Bytes that the machine has.
        settings: Of the server.
    """
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

    monkeypatch.setattr(process_choice, "load_processes", load_processes)
    monkeypatch.setattr(process_choice, "rows_per_second", speed)
    monkeypatch.setattr(process_choice, "file_bytes", lambda _: size)
    monkeypatch.setattr(process_choice, "memory_bytes", lambda: memory)
    runners = Runners([SimpleNamespace()] * engines, [], SHAPE, 0, Layout(engines, 1))
    config = Config(bundle=("unread",), **settings)
    recipe = Recipe(Bundle(Path("unread"), Manifest()), config, Limits(), 1, SHAPE)
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


@pytest.mark.parametrize("engines", [2, 3])
def test_a_small_model_leaves_the_front_end_an_interpreter_of_its_own(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, engines: int
) -> None:
    caplog.set_level("INFO")
    untried = BackendError("is not tried")
    found, started = tried(
        monkeypatch,
        engines=engines,
        threads=untried,
        there=untried,
        size=process_choice.SMALL_BYTES,
    )
    assert [found] == started
    assert not started[0].is_closed
    (record,) = caplog.records
    assert record.message == "processes_chosen"
    assert vars(record)["engine_processes"] == 2


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
    "settings",
    [
        {"engines": 8, "threads": 730.0},
        {"engines": 3, "threads": 100.0},
        {"engines": 1, "threads": 100.0, "size": 1},
        {"engines": 3, "threads": 300.0, "size": 1, "workers": 1},
        {"engines": 3, "threads": 300.0, "size": 1, "memory": 256 << 20},
        {"engines": 8, "threads": 100.0, "size": process_choice.MOST_BYTES + 1},
        {"engines": 8, "threads": 100.0, "memory": 4 << 30},
    ],
    ids=[
        "threads have full speed",
        "few engines",
        "one engine",
        "a front end elsewhere",
        "little memory for a small model",
        "a large model",
        "little memory",
    ],
)
def test_processes_are_not_even_started_where_they_cannot_gain(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    found, started = tried(monkeypatch, there=1e9, **settings)
    assert found is None
    assert not started
