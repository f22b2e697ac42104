"""Measures one setting in a process of its own. `measure` starts it; nobody calls it by hand."""

import gc
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.optimum_environment import interpreter
from tests.bench.processes import answer, run_worker
from tests.bench.systems import Setting, load
from tests.bench.workload import Workload

WARM_UP_SHARE = 1 / 4
"""Part of the sentences that is translated before the clock starts."""

SHORTEST_SECONDS = 4.0
"""The sentences are translated again and again until so much time has passed."""


@dataclass(frozen=True)
class Run:
    """One workload translated by a loaded, warm system, as often as it takes."""

    seconds: float
    cpu_seconds: float
    """Of all threads; `seconds` times the cores unless something else had them."""
    tokens: int
    """Decoded, end tokens counted."""
    sentences: int
    passes: int
    """How often the whole workload was translated."""
    steps: int
    """Decoding steps of all workers together."""
    peak_bytes: int
    """Most memory that the process ever held, loading included."""

    @property
    def tokens_per_second(self) -> float:
        """Target tokens."""
        return self.tokens / self.seconds

    @property
    def sentences_per_second(self) -> float:
        """Likewise."""
        return self.sentences / self.seconds

    @property
    def cores(self) -> float:
        """How many it was given, in the mean."""
        return self.cpu_seconds / self.seconds


def measure(setting: Setting, workload: Workload) -> tuple[Run, list[list[int]]]:
    """Returns a run in a fresh process, and the target tokens.

    Raises:
        subprocess.CalledProcessError: The process failed; its stderr went to ours.
    """
    job = {"setting": asdict(setting), "workload": asdict(workload)}
    result = run_worker("tests.bench.worker", job, interpreter(setting.system))
    return Run(**result["run"]), result["targets"]


def peak_bytes() -> int:
    """Returns the most that this process ever held.

    From the kernel's high-water mark: that of getrusage starts at the parent's memory.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _work(job: dict[str, Any]) -> dict[str, Any]:
    """Loads, warms up, translates."""
    setting, workload = Setting.parse(job["setting"]), Workload(**job["workload"])
    system = load(setting)
    warm_up = workload.sample(round(WARM_UP_SHARE * len(workload.sources)))
    system.translate(warm_up.sources, warm_up.forced_lengths)
    gc.collect()
    passes, steps = 0, system.steps
    cpu_started, started = time.process_time(), time.perf_counter()
    while time.perf_counter() - started < SHORTEST_SECONDS:
        targets = system.translate(workload.sources, workload.forced_lengths)
        passes += 1
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    _require_lengths(targets, workload.forced_lengths)
    tokens = passes * sum(len(target) + 1 for target in targets)
    run = Run(
        seconds,
        cpu_seconds,
        tokens,
        passes * len(targets),
        passes,
        system.steps - steps,
        peak_bytes(),
    )
    return {"run": asdict(run), "targets": targets}


def _require_lengths(targets: list[list[int]], forced_lengths: list[int] | None) -> None:
    """A system that leaves work out must not win.

    Raises:
        ValueError: One did.
    """
    for target, length in zip(targets, forced_lengths or (), strict=forced_lengths is not None):
        if len(target) + 1 < length:
            raise ValueError(f"{len(target) + 1} tokens were decoded where {length} were asked for")


if __name__ == "__main__":
    answer(_work)
