"""Has pieces decoded by the engines, as they are asked for, and says how far they are.

Knows engines, that they take so many at a time, and who wants to know what is used. Does not know
what is expected of pieces.
"""

import asyncio
import functools
from collections.abc import Callable
from typing import NamedTuple

from dragoman_server.engine import Sender, TimeLimit
from dragoman_server.sequence import Completion
from dragoman_server.service.account import Usage
from dragoman_server.service.expectations import Asked
from dragoman_server.service.progress import Progress
from dragoman_server.service.text_queue import TextQueue
from dragoman_server.service.windows import in_windows


class Way(NamedTuple):
    """How pieces go to the engines."""

    limit: TimeLimit
    """When they are due."""
    sender: Sender
    """Whose they are."""
    usage: Usage | None
    """Told what they take, where somebody wants to know."""


class Decoding:
    """Of the pieces of one model's texts.

    Args:
        engine: Decodes them.
        most_pieces: Of a call, that may be with the engine at a time: 2 or more.
    """

    def __init__(self, engine: TextQueue, most_pieces: int) -> None:
        self._engine = engine
        self._most_pieces = most_pieces
        self._unfinished = 0

    @property
    def is_preparing(self) -> bool:
        """Whether the engine may still get pieces of a call that is here."""
        return self._unfinished > 0

    async def once(
        self, asked: Asked, way: Way, progress: Progress | None = None
    ) -> list[Completion]:
        """Returns what becomes of pieces; an error, or nobody waiting, takes all of them back.

        Args:
            asked: The pieces.
            way: How they go.
            progress: Told how far they are.
        """
        source_ids, options = asked.source_ids, asked.options
        limit, sender, usage = way
        if usage is not None:
            usage.submit(source_ids, options)
        wants_timing = usage is not None and usage.is_timed

        def submit(begin: int, end: int) -> list[asyncio.Future[Completion]]:
            report = None if progress is None else functools.partial(_report, progress, begin)
            futures = self._engine.submit(
                source_ids[begin:end],
                options[begin:end],
                report,
                limit,
                sender,
                wants_timing=wants_timing,
            )
            if progress is not None:
                progress.expect(begin, futures)
            return futures

        finished = await self._finished(submit, len(source_ids))
        if usage is not None:
            usage.finish(finished)
        return finished

    async def _finished(
        self, submit: Callable[[int, int], list[asyncio.Future[Completion]]], count: int
    ) -> list[Completion]:
        """Waits for what is submitted, in windows where it is more than a call may have there."""
        if not count:
            return []
        if count > self._most_pieces:
            self._unfinished += 1
            try:
                return await in_windows(submit, count, self._most_pieces)
            finally:
                self._unfinished -= 1
        futures = submit(0, count)
        try:
            return [await futures[0]] if count == 1 else await asyncio.gather(*futures)
        finally:
            for future in futures:
                future.cancel()


def _report(progress: Progress, begin: int, index: int, token_ids: list[int]) -> None:
    """Tells of a piece of those that were submitted from `begin` on."""
    progress.report(begin + index, token_ids)
