"""Which samples are taken when, with graphs that are none."""

from pathlib import Path
from typing import Any

import pytest

from dragoman_export.growth import measure as module
from dragoman_export.growth.bundle import MeasuredBundle
from dragoman_export.growth.measure import MOST_ROUNDS, PROFILED_ROUNDS, Point, measure

BUNDLE = MeasuredBundle(Path("e"), Path("d"), "toy", "int8", 2, 8, 2, 100, 64, "0" * 64)


class Clock:
    """Goes on by what each run takes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.runs: list[tuple[str, int]] = []

    def take(self, name: str, length: int, seconds: float) -> float:
        self.runs.append((name, length))
        self.now += seconds
        return seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()

    class Timed:
        def __init__(self, graph: Path | bytes, _: int) -> None:
            self._name = "encoder" if isinstance(graph, Path) else "recurrent"

        def seconds(self, inputs: dict[str, Any], _: float) -> float:
            return clock.take(self._name, len(next(iter(inputs.values()))), 1.0)

    class Step(Timed):
        def seconds(self, length: Any, _: float) -> float:
            return clock.take("step", length, 1.0)

    class Profiled:
        def __init__(self, *_: Any) -> None:
            self._runs = 0

        def run(self, inputs: dict[str, Any]) -> None:
            self._runs += 1
            clock.take("profiled", len(inputs["token_ids"]), 1.0)

        def shares(self) -> list[float]:
            return [run / 1000 for run in range(self._runs)]

    monkeypatch.setattr(module, "TimedGraph", Timed)
    monkeypatch.setattr(module, "TimedStep", Step)
    monkeypatch.setattr(module, "ProfiledGraph", Profiled)
    monkeypatch.setattr(module, "monotonic", lambda: clock.now)
    return clock


def taken(seconds: float) -> list[Point]:
    return measure(BUNDLE, [4, 8], threads=1, seconds=seconds, tell=lambda _: None)


def test_all_of_a_length_comes_in_turns_with_the_other_lengths(clock: Clock) -> None:
    taken(0.0)
    kinds = ["profiled", "encoder", "recurrent", "step"]
    assert clock.runs == [(kind, length) for length in (4, 8, 4, 8) for kind in kinds]


@pytest.mark.usefixtures("clock")
def test_one_round_is_measured_however_long_it_takes() -> None:
    assert [point.encoder_seconds for point in taken(0.0)] == [[1.0], [1.0]]


def test_the_time_is_kept_where_there_was_a_round(clock: Clock) -> None:
    first, second = taken(21.0)  # a round takes 8 s, that which warms up too
    assert [len(first.step_seconds), len(second.step_seconds)] == [2, 1]
    assert clock.now == 20.0


@pytest.mark.usefixtures("clock")
def test_there_are_rounds_enough_at_some_time() -> None:
    first, second = taken(1e6)
    assert len(first.recurrent_seconds) == len(second.recurrent_seconds) == MOST_ROUNDS
    assert len(first.attention_shares) == PROFILED_ROUNDS


@pytest.mark.usefixtures("clock")
def test_shares_are_those_of_their_length_without_the_warm_up() -> None:
    first, second = taken(1e6)
    assert first.attention_shares[:2] == [0.002, 0.004]
    assert second.attention_shares[:2] == [0.003, 0.005]
