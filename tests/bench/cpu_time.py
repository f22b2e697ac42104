"""What a process and its descendants have used."""

import os
from collections.abc import Iterator
from pathlib import Path


def descendants(pid: int) -> Iterator[int]:
    """Yields the process and all that come from it."""
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            yield from descendants(int(child))


def cpu_seconds(pid: int) -> float:
    """Returns user and system time, added up, in steps of a hundredth of a second."""
    return sum(_ticks(each) for each in descendants(pid)) / os.sysconf("SC_CLK_TCK")


def machine_seconds() -> float:
    """Returns the time for which all cores together were busy since the machine started."""
    user, nice, system, _, _, *interrupts = (
        Path("/proc/stat").read_text().split("\n")[0].split()[1:8]
    )
    ticks = sum(map(int, (user, nice, system, *interrupts)))
    return ticks / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    # The second field is the command's name, in parentheses, which may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
