"""What a server holds while nobody asks for anything: descriptors, threads, memory, rows."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.attacks.harness import Server

CALM_SECONDS = 30.0


class Footprint(NamedTuple):
    """Of a server's process and of those that it started."""

    descriptors: int
    threads: int
    rss_bytes: int

    def exceeds(self, before: "Footprint", more_bytes: int) -> str | None:
        """Returns what there is more of than before; of memory so many bytes more are allowed."""
        if self.descriptors > before.descriptors:
            return f"{self.descriptors} descriptors, {before.descriptors} before"
        if self.threads > before.threads:
            return f"{self.threads} threads, {before.threads} before"
        if self.rss_bytes > before.rss_bytes + more_bytes:
            return f"{self.rss_bytes:,} bytes, {before.rss_bytes:,} before"
        return None


def footprint(server: Server) -> Footprint:
    """Returns what it holds at this moment."""
    processes = [Path(f"/proc/{pid}") for pid in server.pids()]
    return Footprint(
        descriptors=sum(len(list((each / "fd").iterdir())) for each in processes),
        threads=sum(len(list((each / "task").iterdir())) for each in processes),
        rss_bytes=server.rss_bytes(),
    )


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
