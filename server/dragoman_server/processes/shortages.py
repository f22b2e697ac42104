"""What a process may run short of: file descriptors for connections, room for lines of the log.

Sees to it that there are descriptors for as many connections as are let in, and says when they or
the room run out. Does not know who connects.
"""

import asyncio
import logging
import os
import resource
import time
from collections.abc import Callable

from dragoman_server.errors import ConfigError
from dragoman_server.monitoring import Shortage, log_lines_lost

_log = logging.getLogger(__name__)

RESERVED = 256
"""Descriptors that are kept from gRPC's connections: for the metrics' and the health port's, other
processes, files, and what was open before."""

LOOK_SECONDS = 1.0

TELL_SECONDS = 60.0
"""Between two lines of the log that say the same."""


def reserve_descriptors(connections: int) -> int:
    """Returns how many of so many connections this process may have, once its limit is raised.

    Raises:
        ConfigError: The system lets it have none.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + RESERVED
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    if soft <= RESERVED:
        raise ConfigError(
            f"this process may open {soft} files, and needs more than {RESERVED}: `ulimit -n`"
        )
    allowed = soft - RESERVED
    extra = {"asked": connections, "allowed": allowed, "descriptors": soft}
    _log.warning("connections_lowered", extra=extra)
    return allowed


class ShortageWatch:
    """Looks once a second what there is too little of. Built when all that stays open is open.

    Args:
        record: Told of it.
        connections: How many there may be; None where this process takes none.
        clock: Seconds, monotonic.
        spans_lost: Returns how many spans of traces this process has lost.
    """

    def __init__(
        self,
        record: Callable[[Shortage], None],
        connections: int | None,
        clock: Callable[[], float] = time.monotonic,
        *,
        spans_lost: Callable[[], int] = lambda: 0,
    ) -> None:
        self._record = record
        self._connections = connections
        self._clock = clock
        self._most = None if connections is None else _descriptors() + connections
        self._spans_lost = spans_lost
        self._lost = (0, 0)
        """Lines of the log, and spans."""
        self._looked_at = clock()
        self._told_at = -TELL_SECONDS

    async def run(self) -> None:
        """Looks again and again; never returns."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Looks once."""
        now = self._clock()
        lost = (log_lines_lost(), self._spans_lost())
        full_seconds = now - self._looked_at if self._is_full() else 0.0
        lines, spans = lost[0] - self._lost[0], lost[1] - self._lost[1]
        if full_seconds or lines or spans:
            self._record(Shortage(full_seconds, lines, spans_lost=spans))
        if full_seconds and now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            _log.error("connections_full", extra={"connections": self._connections})
        self._looked_at, self._lost = now, lost

    def _is_full(self) -> bool:
        return self._most is not None and _descriptors() >= self._most


def _descriptors() -> float:
    """Returns how many descriptors are open, or fewer; at no cost, however many there are."""
    try:
        lowest = os.dup(0)
    except OSError:
        return float("inf")
    os.close(lowest)
    return lowest
