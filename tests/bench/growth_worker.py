"""Measures the time of decoding steps in a process of its own. growth.py starts it.

A step of a whole system is the difference between decoding 48 and 16 tokens of the same sentences,
over 32: what encoding and starting cost falls out. A step of the graph alone is timed directly, at
the same positions.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tests.bench.processes import answer, run_worker
from tests.bench.systems import Precision

Measured = Literal["dragoman", "dragoman graph", "ctranslate2"]

FIRST, LAST = 16, 48
"""Target tokens before the steps that are measured, and with them."""

SHORTEST_SECONDS = 0.5
"""For each point, at least."""

END = 0
LARGEST_ID = 7_000
"""Of source tokens: every vocabulary has more."""


@dataclass(frozen=True)
class Point:
    """What is decoded."""

    sentences: int
    source: int
    """Tokens of each."""
    beam_size: int


@dataclass(frozen=True)
class Job:
    """One system at all points of a sweep."""

    measured: Measured
    precision: Precision
    model: Path
    points: list[Point]
    repetitions: int


Decode = Callable[[Point, int], float]
"""Returns the seconds to decode so many tokens of every sentence of a point."""


def step_seconds(job: Job) -> list[float]:
    """Returns the seconds of a decoding step at each point, from a fresh process.

    Raises:
        subprocess.CalledProcessError: The process failed; its stderr went to ours.
    """
    found: list[float] = run_worker("tests.bench.growth_worker", asdict(job))
    return found


def random_sources(point: Point) -> list[list[int]]:
    """Returns sentences of random tokens, the same for every system."""
    shape = (point.sentences, point.source - 1)
    ids = np.random.default_rng(0).integers(1, LARGEST_ID, shape)
    return [[*row, END] for row in ids.tolist()]


def median_step(time_steps: Callable[[], float], repetitions: int) -> float:
    """Returns the median of the repetitions after one to warm up: more where they are quick."""
    time_steps()
    found: list[float] = []
    started = time.perf_counter()
    while len(found) < repetitions or time.perf_counter() - started < SHORTEST_SECONDS:
        found.append(time_steps())
    return statistics.median(found)


def between(decode: Decode, point: Point) -> float:
    """Returns the seconds of one of the later steps of a whole system."""
    return (decode(point, LAST) - decode(point, FIRST)) / (LAST - FIRST)


def _parse(fields: dict[str, Any]) -> Job:
    points = [Point(**point) for point in fields["points"]]
    return Job(**fields | {"points": points, "model": Path(fields["model"])})


def _work(fields: dict[str, Any]) -> list[float]:
    job = _parse(fields)
    measure = _load(job)
    return [median_step(partial(measure, point), job.repetitions) for point in job.points]


def _load(job: Job) -> Callable[[Point], float]:
    """Loads the model; returns what measures one step."""
    if job.measured == "ctranslate2":
        from tests.bench.growth_ctranslate2 import load_decode  # noqa: PLC0415

        return partial(between, load_decode(job))
    from tests.bench.growth_dragoman import load_engine, load_graph  # noqa: PLC0415

    if job.measured == "dragoman graph":
        return load_graph(job)
    return partial(between, load_engine(job))


if __name__ == "__main__":
    answer(_work)
