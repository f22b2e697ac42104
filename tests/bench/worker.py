"""Measures one setting in a process of its own: a job as JSON on stdin, the run as JSON on stdout.

`measure` starts it; nobody calls it by hand.
"""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.systems import Setting, load
from tests.bench.workload import Workload

WARM_UP_SHARE = 1 / 4
"""Part of the sentences that is translated before the clock starts."""


@dataclass(frozen=True)
class Run:
    """One workload translated once by a loaded, warm system."""

    seconds: float
    cpu_seconds: float
    """Of all threads; `seconds` times the cores unless something else had them."""
    tokens: int
    """Decoded, end tokens counted."""
    sentences: int
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
    command = [sys.executable, "-m", "tests.bench.worker"]
    done = subprocess.run(
        command, input=json.dumps(job, default=str), stdout=subprocess.PIPE, text=True, check=True
    )
    result = json.loads(done.stdout)
    return Run(**result["run"]), result["targets"]


def _peak_bytes() -> int:
    """From the kernel's high-water mark: that of getrusage starts at the parent's memory."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def main() -> None:
    """Loads, warms up, translates."""
    job = json.load(sys.stdin)
    setting = Setting(**job["setting"] | {"model": Path(job["setting"]["model"])})
    workload = Workload(**job["workload"])
    system = load(setting)
    warm_up = workload.sample(round(WARM_UP_SHARE * len(workload.sources)))
    system.translate(warm_up.sources, warm_up.forced_lengths)
    cpu_started, started = time.process_time(), time.perf_counter()
    targets = system.translate(workload.sources, workload.forced_lengths)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    tokens = sum(len(target) + 1 for target in targets)
    run = Run(seconds, cpu_seconds, tokens, len(targets), _peak_bytes())
    json.dump({"run": asdict(run), "targets": targets}, sys.stdout)


if __name__ == "__main__":
    main()
