"""Whether the limits of this process let a server be as large as it is asked to be.

Knows `ulimit` and the kernel's settings. Changes none.
"""

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

from dragoman_server.config import Config
from dragoman_server.doctor.finding import Finding
from dragoman_server.memory import START_BYTES
from dragoman_server.processes.shortages import RESERVED

LimitOf = Callable[[int], tuple[int, int]]

HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")

MAPPED_BYTES = 1 << 30
"""Address space that libraries and threads map beside what they use."""


def check_limits(
    config: Config,
    needed_bytes: int,
    limit_of: LimitOf = resource.getrlimit,
    huge_pages: Path = HUGE_PAGES,
) -> Iterator[Finding]:
    """Compares each limit with what a server needs of it.

    Args:
        config: The settings.
        needed_bytes: Of memory, by all models.
        limit_of: Returns the soft and the hard limit of a resource.
        huge_pages: Where the kernel says whether it grants them.
    """
    yield _open_files(config, limit_of)
    yield _memory(needed_bytes, limit_of)
    yield _core_files(limit_of)
    yield _huge_pages(huge_pages)


def _open_files(config: Config, limit_of: LimitOf) -> Finding:
    ports = 1 if config.http_port is None else 2  # each has as many connections
    check, wanted = "open files", ports * config.max_connections + RESERVED
    _, hard = limit_of(resource.RLIMIT_NOFILE)  # the soft one is raised to it
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        return Finding(check, "ok", f"{wanted:,} are allowed, for max_connections and others")
    advice = f"raise ulimit -n to {wanted:,}, or lower max_connections"
    if hard <= RESERVED:
        return Finding(check, "problem", f"{hard:,} are allowed: too few to serve at all", advice)
    allowed = (hard - RESERVED) // ports
    found = f"{hard:,} are allowed: {allowed:,} connections a port, not {config.max_connections:,}"
    return Finding(check, "warning", found, advice)


def _memory(needed_bytes: int, limit_of: LimitOf) -> Finding:
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    soft = [limit_of(kind)[0] for kind in kinds]
    allowed = min((limit for limit in soft if limit != resource.RLIM_INFINITY), default=None)
    if allowed is None:
        return Finding("ulimit -v, -d", "ok", "there is none")
    needed = needed_bytes + START_BYTES + MAPPED_BYTES
    found = f"{allowed:,} bytes are allowed, and about {needed:,} needed"
    if allowed < needed:
        advice = "remove the limit, or lower engines, max_batch_size or the lengths"
        return Finding("ulimit -v, -d", "warning", found, advice)
    return Finding("ulimit -v, -d", "ok", found)


def _core_files(limit_of: LimitOf) -> Finding:
    if limit_of(resource.RLIMIT_CORE)[0] == 0:
        return Finding("core files", "ok", "none are written")
    found = "a crash may write all of the memory to a file, texts of users among it"
    return Finding("core files", "warning", found, "set ulimit -c 0 unless you look for a crash")


def _huge_pages(path: Path) -> Finding:
    try:
        chosen = path.read_text("utf-8").partition("[")[2].partition("]")[0]
    except OSError:
        chosen = ""
    if chosen == "always":
        found = "always: memory becomes resident in pieces of 2 MiB, but that of the caches"
        return Finding("huge pages", "ok", found)
    return Finding("huge pages", "ok", chosen or "the kernel does not say")
