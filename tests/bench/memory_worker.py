"""Loads a system and translates in a process of its own, and says what memory it held when.

Knows one setting. `measure_memory` starts it; nobody calls it by hand.
"""

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.peak_memory import memory
from tests.bench.processes import answer, run_worker
from tests.bench.systems import Setting, load
from tests.bench.worker import peak_bytes
from tests.bench.workload import Workload


@dataclass(frozen=True)
class Held:
    """What one process took, mapped files' pages included."""

    seconds: float
    """To import the library and load the model."""
    loaded_bytes: int
    """Resident once it is loaded."""
    peak_bytes: int
    """Most that was ever resident, once the workload has been translated."""


def medians(figure: str, ours: Sequence[Held], peer: Sequence[Held]) -> tuple[float, float]:
    """Returns a figure's median of our runs, and of the peer's."""
    mine, others = (
        statistics.median(getattr(held, figure) for held in runs) for runs in (ours, peer)
    )
    return mine, others


def measure_memory(setting: Setting, workload: Workload) -> Held:
    """Returns what a fresh process held that translates the workload once.

    Raises:
        subprocess.CalledProcessError: The process failed; its stderr went to ours.
    """
    job = {"setting": asdict(setting), "workload": asdict(workload)}
    return Held(**run_worker("tests.bench.memory_worker", job))


def _work(job: dict[str, Any]) -> dict[str, Any]:
    setting, workload = Setting.parse(job["setting"]), Workload(**job["workload"])
    started = time.perf_counter()
    system = load(setting)
    seconds = time.perf_counter() - started
    loaded = sum(memory(os.getpid()))
    system.translate(workload.sources, workload.forced_lengths)
    return asdict(Held(seconds, loaded, peak_bytes()))


if __name__ == "__main__":
    answer(_work)
