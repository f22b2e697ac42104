"""What this process's own limits (`ulimit -v`, `ulimit -d`) leave it of memory.

Past them allocations fail anywhere, in libraries that do not survive it too. So there must be some
left before the server says that it is ready, and calls are refused while there is little. Does not
know of the limits of a container, whose kernel ends a process without asking. And what malloc and
Python's collector are told, once a process.
"""

import ctypes
import gc
import math
import os
import resource
from collections.abc import Callable
from mmap import MADV_NOHUGEPAGE
from pathlib import Path

from dragoman_server.errors import ConfigError, OutOfMemoryError

START_BYTES = 256 << 20
"""More than a server takes once it is ready, under everyday load: messages, texts, scratch."""

RESERVE_BYTES = 48 << 20
"""For what has been let in to end."""

RETRY_AFTER_SECONDS = 1.0

_PAGE = resource.getpagesize()
_LIMITS = ((resource.RLIMIT_AS, 0), (resource.RLIMIT_DATA, 5))
"""With the place in statm of what each limits, in pages."""


_ARENA_MAX = -8
"""Of glibc's mallopt."""


def save_address_space() -> None:
    """Lets threads share what malloc reserves, 64 MiB for each, where address space is limited."""
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 2)


COLLECT_EVERY = 20_000
"""Containers, Python's lists and objects, that are more than when they were looked through last.
With Python's own 700 a server with thousands of texts in flight looks through them for a tenth of
its time, and what it looks for, cycles that nobody can reach, is rare in it."""


def keep_loaded() -> None:
    """Lets Python's collector leave alone what is loaded.

    It would go through all of that again and again, while every engine waits for the interpreter.
    """
    gc.freeze()


def collect_seldom() -> None:
    """Lets the collector leave alone what is loaded, and look seldom through all else.

    For processes without a front end: a call that a client has cancelled is in a cycle, and open
    for its connection until the collector finds it.
    """
    keep_loaded()
    gc.set_threshold(COLLECT_EVERY)


def trim() -> None:
    """Gives the system back what malloc keeps of freed memory, in the arenas of all threads."""
    ctypes.CDLL(None).malloc_trim(0)


def use_small_pages(address: int, length: int) -> None:
    """Lets memory that nobody has touched become resident page by page, not in pieces of 2 MiB.

    For what is read and written in few places far from each other. Without effect where the system
    has no huge pages.

    Args:
        address: Where it begins.
        length: Its bytes; what shares a page with something else stays as it is.
    """
    first = -(-address // _PAGE) * _PAGE
    whole = (address + length - first) // _PAGE * _PAGE
    if whole > 0:
        ctypes.CDLL(None).madvise(ctypes.c_void_p(first), ctypes.c_size_t(whole), MADV_NOHUGEPAGE)


class MemoryLimit:
    """The limits as they are now; looking at what is left costs microseconds, without any nothing.

    Args:
        limit_of: Returns the soft and the hard limit of a resource.
        statm: What the kernel says of this process's memory.
    """

    def __init__(
        self,
        limit_of: Callable[[int], tuple[int, int]] = resource.getrlimit,
        statm: Path = Path("/proc/self/statm"),
    ) -> None:
        soft = [(limit_of(kind)[0], place) for kind, place in _LIMITS]
        self._limits = [each for each in soft if each[0] != resource.RLIM_INFINITY]
        self._statm = os.open(statm, os.O_RDONLY | os.O_CLOEXEC) if self._limits else -1

    @property
    def left(self) -> float:
        """Bytes that may still be taken; inf where there is no limit."""
        if not self._limits:
            return math.inf
        pages = os.pread(self._statm, 256, 0).split()
        return min(limit - int(pages[place]) * _PAGE for limit, place in self._limits)

    @property
    def is_low(self) -> bool:
        """Whether there is only enough left to end what has been let in."""
        return self.left < RESERVE_BYTES

    def check_start(self) -> None:
        """Raises ConfigError where what a server takes once it is ready is not there."""
        if self.left < START_BYTES:
            left = max(0, int(self.left))
            raise ConfigError(
                f"the limits of this process (ulimit -v, -d) leave {left:,} bytes of memory for "
                f"calls, and {START_BYTES:,} are needed: raise them, or lower engines, "
                "max_batch_size or the lengths"
            )

    def check(self) -> None:
        """Raises OutOfMemoryError where there is little left."""
        if self.is_low:
            raise OutOfMemoryError(
                "the server has no memory left for more requests",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
