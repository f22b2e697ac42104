"""The machine that this runs on, as measurements tell of it."""

import os
import platform
from pathlib import Path


def processor() -> str:
    """Returns the processor's name; where nobody tells it, its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def cores() -> int:
    """Returns how many this process may use."""
    return len(os.sched_getaffinity(0))
