"""Whether the clock says what time it is: certificates and deadlines depend on it.

Asks the kernel. Does not ask any server.
"""

import ctypes
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dragoman_server.doctor.finding import Finding

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""Before this there was no such program."""

LATEST = datetime(2100, 1, 1, tzinfo=UTC)
SLACK = timedelta(minutes=5)

TIME_ERROR = 5
"""Of adjtimex: nobody has set the clock lately."""

_TIMEX_BYTES = 512
"""More than a `struct timex` has; all zero it only asks."""

ADVICE = "let a time service set it (chrony, systemd-timesyncd), on the host of a container"


def adjtimex() -> int:
    """Returns the state of the kernel's clock; negative where it is not told."""
    try:
        return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    except (AttributeError, OSError):
        return -1


def check_clock(
    bundles: Sequence[Path], now: datetime | None = None, state: Callable[[], int] = adjtimex
) -> Finding:
    """Compares the clock with what cannot be later, and asks whether somebody sets it."""
    now = now or datetime.now(UTC)
    shown = f"{now:%Y-%m-%d %H:%M} UTC"
    if not EARLIEST <= now < LATEST:
        return Finding("clock", "problem", f"{shown} cannot be", ADVICE)
    times = [time for time in map(_modified, bundles) if time is not None]
    written = max(times, default=None)
    if written is not None and written > now + SLACK:
        found = f"{shown} is before {written:%Y-%m-%d %H:%M}, when a bundle was written"
        return Finding("clock", "warning", found, ADVICE)
    if state() == TIME_ERROR:
        return Finding("clock", "warning", f"{shown}; nobody keeps it right", ADVICE)
    return Finding("clock", "ok", shown)


def _modified(bundle: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp((bundle / "bundle.json").stat().st_mtime, UTC)
    except (OSError, ValueError):
        return None
