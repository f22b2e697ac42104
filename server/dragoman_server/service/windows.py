"""The pieces of a call, some at a time, where they are more than a call may have in the queue.

So a text of thousands of short lines takes no more room from others than any other call. Knows
futures and that the queue may be full. Does not know what is translated.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from dragoman_server.errors import QueueFullError
from dragoman_server.sequence import Completion

Submit = Callable[[int, int], list[asyncio.Future[Completion]]]
"""Gives the engines the pieces from one index to before another, all or none."""

WINDOWS = 2
"""At a time: while one comes to its end, the engines have the next."""


class _Window(NamedTuple):
    """Pieces that the engines were given together."""

    begin: int
    futures: list[asyncio.Future[Completion]]
    is_alone: bool
    """Whether the call had no others there."""


async def in_windows(submit: Submit, count: int, size: int) -> list[Completion]:
    """Has `count` pieces translated, at most `size` (2 or more) at a time; returns all, in order.

    Where the queue has no room beside the call's own pieces, those are waited for. An error, or
    nobody waiting, takes all of them back.

    Raises:
        QueueFullError: There is no room though none of the call's pieces is there.
    """
    finished: list[Completion] = []
    pending: deque[_Window] = deque()
    next_begin = 0
    try:
        while len(finished) < count:
            while next_begin < count and len(pending) < WINDOWS:
                end = min(next_begin + size // WINDOWS, count)
                try:
                    futures = submit(next_begin, end)
                except QueueFullError:
                    if not pending:
                        raise
                    break
                pending.append(_Window(next_begin, futures, is_alone=not pending))
                next_begin = end
            try:
                finished += await asyncio.gather(*pending[0].futures)
            except QueueFullError:  # engines in another process say so later
                if pending[0].is_alone:
                    raise
                next_begin = pending[0].begin
                _take_back(pending)
            else:
                pending.popleft()
    finally:
        _take_back(pending)
    return finished


def _take_back(pending: deque[_Window]) -> None:
    for window in pending:
        for future in window.futures:
            future.cancel()
    pending.clear()
