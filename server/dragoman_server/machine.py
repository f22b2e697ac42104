"""What machine and container leave this process: CPUs and bytes of memory.

Reads the control groups of Linux, version 1 and 2, this process's own and all above it: the
smallest limit holds. Does not know what either is used for; what `ulimit` leaves is memory.py's.
"""

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")


def cpu_count(root: Path = ROOT) -> int:
    """Returns the CPUs that this process may use: its affinity, cut by its quotas; at least 1.

    Args:
        root: Of the file system.
    """
    quotas = (_cpu_quota(group) for group in _groups(root, "cpu"))
    allowed = min((quota for quota in quotas if quota is not None), default=float("inf"))
    return max(1, int(min(len(os.sched_getaffinity(0)), allowed)))


def memory_bytes(root: Path = ROOT) -> int:
    """Returns the bytes of memory that this process may take, the machine's at most; no swap.

    Args:
        root: Of the file system.
    """
    names = ("memory.max", "memory.high", "memory.limit_in_bytes")
    limits = (_number(group / name) for group in _groups(root, "memory") for name in names)
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([machine, *(limit for limit in limits if limit is not None)])


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yields this process's groups of a controller and all that hold them, as far as mounted."""
    for kind, mounted_root, mount, controllers in _mounts(root):
        if kind == "cgroup" and controller not in controllers:
            continue
        path = _own_path(root, controller if kind == "cgroup" else "")
        if path is None:
            continue
        # A container may see its own group alone, mounted as if it were the highest.
        inside = Path(path).relative_to(mounted_root) if _is_in(path, mounted_root) else Path()
        top = root / mount.lstrip("/")
        for part in (inside, *inside.parents):
            yield top / part


def _is_in(path: str, directory: str) -> bool:
    return ".." not in Path(path).parts and Path(path).is_relative_to(directory)


def _mounts(root: Path) -> Iterator[tuple[str, str, str, list[str]]]:
    """Yields kind, root within the hierarchy, place and controllers of each mounted hierarchy."""
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(), after.split(" ", 2)
        if kind in {"cgroup", "cgroup2"}:
            yield kind, fields[3], fields[4], options.split(",")


def _own_path(root: Path, controller: str) -> str | None:
    """Returns this process's group in the hierarchy of a controller; "" is version 2's."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    return None


def _cpu_quota(directory: Path) -> float | None:
    """Returns a group's own quota in CPUs; None where it has none."""
    words = " ".join(_lines(directory / "cpu.max")).split()
    if len(words) == 2 and words[0] != "max":  # noqa: PLR2004  quota and period
        return int(words[0]) / int(words[1])
    quota, period = (_number(directory / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    return quota / period if quota is not None and quota > 0 and period else None


def _number(path: Path) -> int | None:
    """Returns the number in a file; None where there is none, or `max`."""
    words = " ".join(_lines(path)).split()
    return int(words[0]) if words and words[0] != "max" else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []
