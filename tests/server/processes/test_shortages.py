"""Descriptors and lines of the log that run out: what is allowed, what is told, what is counted."""

import os
import resource

import pytest

from dragoman_server.errors import ConfigError
from dragoman_server.monitoring.metrics import Metrics, Shortage
from dragoman_server.processes import shortages
from dragoman_server.processes.shortages import RESERVED, ShortageWatch, reserve_descriptors

Limits = dict[str, tuple[int, int]]


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Limits:
    """Those of the process, which a test changes instead of its own."""
    held = {"now": (1024, 1024)}
    monkeypatch.setattr(resource, "getrlimit", lambda _: held["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: held.update(now=both))
    return held


@pytest.mark.parametrize(
    ("soft", "hard", "raised", "allowed"),
    [
        (100_000, 200_000, 100_000, 4096),
        (1024, 200_000, 4096 + RESERVED, 4096),
        (1024, resource.RLIM_INFINITY, 4096 + RESERVED, 4096),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, resource.RLIM_INFINITY, 4096),
        (1024, 2048, 2048, 2048 - RESERVED),
        (1024, 1024, 1024, 1024 - RESERVED),
    ],
)
def test_the_limit_is_raised_as_far_as_needed_and_some_descriptors_are_kept(
    soft: int,
    hard: int,
    raised: int,
    allowed: int,
    *,
    limits: Limits,
    caplog: pytest.LogCaptureFixture,
) -> None:
    limits["now"] = (soft, hard)
    assert reserve_descriptors(4096) == allowed
    assert limits["now"] == (raised, hard)
    lowered = [record.getMessage() for record in caplog.records]
    assert lowered == ([] if allowed == 4096 else ["connections_lowered"])


def test_a_process_that_may_have_no_connection_says_so(limits: Limits) -> None:
    limits["now"] = (RESERVED, RESERVED)
    with pytest.raises(ConfigError, match=f"may open {RESERVED} files, and needs more"):
        reserve_descriptors(4096)


class Watched:
    def __init__(self, connections: int | None) -> None:
        self.now = 100.0
        self.metrics = Metrics()
        self.spans_lost = 0
        self.watch = ShortageWatch(
            self.metrics.record,
            connections,
            lambda: self.now,
            spans_lost=lambda: self.spans_lost,
        )

    def look(self, seconds: float = 1.0) -> None:
        self.now += seconds
        self.watch.look()

    def sample(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(f"dragoman_{name}_total") or 0.0


def test_connections_that_fill_the_process_are_counted_in_seconds_and_told_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opened = iter([30, 49, *[50] * 59, 51, 49])  # at first, then at each look
    monkeypatch.setattr(shortages, "_descriptors", lambda: next(opened))
    watched = Watched(connections=20)
    watched.look()
    assert watched.sample("connections_full_seconds") == 0
    for _ in range(59):
        watched.look()
    assert watched.sample("connections_full_seconds") == 59
    assert [vars(record)["connections"] for record in caplog.records] == [20]
    watched.look(2)
    assert watched.sample("connections_full_seconds") == 61
    assert [record.getMessage() for record in caplog.records] == ["connections_full"] * 2
    watched.look()
    assert watched.sample("connections_full_seconds") == 61


def test_descriptors_that_run_out_in_another_way_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched(connections=20)

    def fail(_: int) -> int:
        raise OSError

    monkeypatch.setattr(os, "dup", fail)
    watched.look()
    assert watched.sample("connections_full_seconds") == 1


def test_lost_lines_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = iter([3, 3, 5])
    monkeypatch.setattr(shortages, "log_lines_lost", lambda: next(lost))
    watched = Watched(connections=None)
    for expected in (3, 3, 5):
        watched.look()
        assert watched.sample("log_lines_lost") == expected
    assert watched.sample("connections_full_seconds") == 0


def test_a_shortage_is_no_request() -> None:
    metrics = Metrics()
    metrics.record(Shortage(1.0, 2))
    total = "dragoman_requests_total"
    samples = [s for family in metrics.registry.collect() for s in family.samples]
    assert sum(sample.value for sample in samples if sample.name == total) == 0


def test_spans_that_nobody_took_are_counted() -> None:
    watched = Watched(connections=None)
    for lost in (0, 3, 3, 5):
        watched.spans_lost = lost
        watched.look()
    assert watched.sample("spans_lost") == 5
