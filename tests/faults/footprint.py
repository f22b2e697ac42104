"""What a server holds while nobody asks for anything: descriptors, threads, memory, rows."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.attacks.harness import Server

CALM_SECONDS = 60.0

REST_SECONDS = 45.0
"""In which gRPC ends threads that it has no more use for: it keeps each for 20 s."""

OF_GRPC = {"event_engine\n", "grpc_global_tim\n"}
"""Names of the threads of gRPC's pool and timers, of which it keeps as many as it once needed at a
time: on a busy machine a fifth of the pool came between the 30,000th and the 40,000th message, and
stayed."""

POOL_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""Of asyncio's pool, which begins one more where none is idle at that moment, until it has these:
two that are asked for together after the warm-up, on a busy machine, are one more that stays."""

MOST_GROWTH = 16_000_000
"""Bytes that malloc may keep beyond what it kept before."""


class Footprint(NamedTuple):
    """Of a server's process and of those that it started."""

    descriptors: int
    threads: int
    """But those of gRPC's."""
    rss_bytes: int

    def exceeds(self, before: "Footprint") -> str | None:
        """Returns what there is more of than before, but for pools and what malloc keeps."""
        if self.descriptors > before.descriptors:
            return f"{self.descriptors} descriptors, {before.descriptors} before"
        if self.threads > before.threads + POOL_THREADS:
            return f"{self.threads} threads, {before.threads} before"
        if self.rss_bytes > before.rss_bytes + MOST_GROWTH:
            return f"{self.rss_bytes:,} bytes, {before.rss_bytes:,} before"
        return None


def footprint(server: Server) -> Footprint:
    """Returns what it holds at this moment."""
    processes = [Path(f"/proc/{pid}") for pid in server.pids()]
    return Footprint(
        descriptors=sum(len(list((each / "fd").iterdir())) for each in processes),
        threads=sum(name not in OF_GRPC for each in processes for name in names_of_threads(each)),
        rss_bytes=server.rss_bytes(),
    )


def names_of_threads(process: Path) -> Iterator[str]:
    """Yields the names of a process's threads."""
    for thread in (process / "task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            yield (thread / "comm").read_text()


def left_over(server: Server, before: Footprint, seconds: float = REST_SECONDS) -> str | None:
    """Returns what a server that has nothing to do still has more than before, after a while."""
    until(lambda: footprint(server).exceeds(before) is None, seconds)
    return footprint(server).exceeds(before)


def held(server: Server) -> dict[str, float]:
    """Returns what it has under way, by the metrics' names."""
    names = ("requests_running", "requests_waiting", "kv_cache_usage_ratio")
    return {name: server.metric(name) for name in names}


def is_calm(server: Server) -> bool:
    """Whether it soon has nothing under way."""
    return until(lambda: not any(held(server).values()), CALM_SECONDS)


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether something becomes true within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
