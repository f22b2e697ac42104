"""Translates sentence after sentence in a process of its own. latency.py starts it."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.processes import answer, run_worker
from tests.bench.systems import Setting, System, load
from tests.bench.workload import Workload

WARM_UP_SHARE = 1 / 4
"""Part of the sentences that is translated before the clock starts."""

SHORTEST_SECONDS = 3.0
"""The sentences are translated again and again until so much time has passed."""


@dataclass(frozen=True)
class LatencyRun:
    """Every sentence translated alone, by a loaded and warm system."""

    p50_ms: float
    p99_ms: float
    mean_ms: float
    sentences: int
    tokens: int
    """Of one pass, end tokens counted."""


def measure_latency(setting: Setting, workload: Workload) -> LatencyRun:
    """Returns a run in a fresh process.

    Raises:
        subprocess.CalledProcessError: The process failed; its stderr went to ours.
    """
    job = {"setting": asdict(setting), "workload": asdict(workload)}
    return LatencyRun(**run_worker("tests.bench.latency_worker", job))


def percentile(values: Sequence[float], percent: int) -> float:
    """Returns a percentile, interpolated between the two values that it falls between."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def summarise(seconds: Sequence[float], tokens: int) -> LatencyRun:
    """Returns what is told of the sentences' times."""
    milliseconds = [1e3 * second for second in seconds]
    return LatencyRun(
        percentile(milliseconds, 50),
        percentile(milliseconds, 99),
        statistics.mean(milliseconds),
        len(milliseconds),
        tokens,
    )


def _pass(system: System, workload: Workload) -> tuple[list[float], int]:
    """Returns each sentence's seconds, and the tokens."""
    seconds, tokens = [], 0
    for index, source in enumerate(workload.sources):
        lengths = workload.forced_lengths and [workload.forced_lengths[index]]
        started = time.perf_counter()
        targets = system.translate([source], lengths)
        seconds.append(time.perf_counter() - started)
        tokens += len(targets[0]) + 1
    return seconds, tokens


def _work(job: dict[str, Any]) -> dict[str, Any]:
    """Loads, warms up, measures."""
    workload = Workload(**job["workload"])
    system = load(Setting.parse(job["setting"]))
    _pass(system, workload.sample(round(WARM_UP_SHARE * len(workload.sources))))
    seconds: list[float] = []
    while sum(seconds) < SHORTEST_SECONDS:
        found, tokens = _pass(system, workload)
        seconds += found
    return asdict(summarise(seconds, tokens))


if __name__ == "__main__":
    answer(_work)
