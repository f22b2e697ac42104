"""The texts that were submitted and have not ended, with their futures.

Knows asyncio, and where a text that nobody waits for any longer is taken out. Does not know how
texts are let in, nor how engines live.
"""

import asyncio
import functools
from collections.abc import Callable
from collections.abc import Sequence as ListOf
from typing import TypeAlias

from dragoman_server.engine.attention_threads import AttentionThreads
from dragoman_server.engine.deadline import has_passed
from dragoman_server.engine.engine import Progress
from dragoman_server.engine.engines import Engines
from dragoman_server.engine.forecast import Forecast, Promise
from dragoman_server.engine.futures import settle
from dragoman_server.engine.waiting_queue import WaitingQueue
from dragoman_server.errors import DragomanError
from dragoman_server.sequence import Completion, Sequence

_Awaited: TypeAlias = tuple[
    asyncio.Future[Completion], Promise, Callable[[asyncio.Future[Completion]], None]
]
"""A text's future, what was promised, and what is called if the future ends by itself."""

OnPartial = Callable[[int, list[int]], None]
"""Told which of the texts that were submitted together has which target tokens so far."""


class Outstanding:
    """Used on one event loop.

    Args:
        queue: Where texts wait.
        engines: That take them from there.
        forecast: Learns from their ends.
        attention: Makes the passes that translated texts ask for; None where the model has none.
        count_expired: Called for each text that is given up in the queue at its deadline.
        clock: Seconds, monotonic; the engines'.
    """

    def __init__(
        self,
        queue: WaitingQueue,
        engines: Engines,
        forecast: Forecast,
        *,
        attention: AttentionThreads | None,
        count_expired: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._queue = queue
        self._engines = engines
        self._forecast = forecast
        self._attention = attention
        self._count_expired = count_expired
        self._clock = clock
        self._awaited: dict[Sequence, _Awaited] = {}
        self._on_partial: dict[Sequence, Callable[[list[int]], None]] = {}
        self._none_left = asyncio.Event()
        self._none_left.set()

    def expect(
        self, sequences: ListOf[Sequence], promise: Promise, on_partial: OnPartial | None
    ) -> list[asyncio.Future[Completion]]:
        """Returns the futures of texts that were put into the queue."""
        if sequences:
            self._none_left.clear()
        if on_partial is not None:
            for index, sequence in enumerate(sequences):
                self._on_partial[sequence] = functools.partial(on_partial, index)
        loop = asyncio.get_running_loop()
        return [self._expect(loop, sequence, promise) for sequence in sequences]

    def settle(self, progress: Progress) -> None:
        """Takes in what became of texts, and tells those who wait."""
        for sequence, tokens in progress.partial:
            report = self._on_partial.get(sequence)
            if report is not None:
                report(tokens)
        now = self._clock()
        translated: list[tuple[int, int]] = []
        for sequence, outcome in progress.finished:
            is_completion = isinstance(outcome, Completion)
            if isinstance(outcome, Completion) and outcome.is_translated:
                translated.append((len(sequence.source_ids), len(outcome.token_ids)))
            awaited = self._awaited.get(sequence)
            if awaited is None or awaited[0].done():
                continue
            future, promise, ended = awaited
            if isinstance(outcome, Completion) and sequence.options.wants_weights:
                assert self._attention is not None
                self._attention.settle(sequence, outcome, future)
                continue
            # Not by the future's own callback: that would be one more call of the event loop.
            future.remove_done_callback(ended)
            settle(future, outcome)
            self._forecast.observe_end(promise, translated=is_completion, now=now)
            self._drop(sequence)
        if translated:
            self._forecast.observe_texts(translated)

    def fail(self, error: DragomanError) -> None:
        """Ends all with an error."""
        for future, *_ in list(self._awaited.values()):
            if not future.done():
                future.set_exception(error)

    async def wait(self) -> None:
        """Returns once there are none left."""
        await self._none_left.wait()

    def _expect(
        self, loop: asyncio.AbstractEventLoop, sequence: Sequence, promise: Promise
    ) -> asyncio.Future[Completion]:
        future: asyncio.Future[Completion] = loop.create_future()
        ended = functools.partial(self._end, sequence, promise)
        future.add_done_callback(ended)
        self._awaited[sequence] = future, promise, ended
        return future

    def _end(
        self, sequence: Sequence, promise: Promise, future: asyncio.Future[Completion]
    ) -> None:
        """A future has ended, but not by `settle`."""
        now = self._clock()
        translated = not future.cancelled() and future.exception() is None
        self._forecast.observe_end(promise, translated=translated, now=now)
        self._drop(sequence)
        if future.cancelled():
            self._take_out(sequence, now)

    def _drop(self, sequence: Sequence) -> None:
        del self._awaited[sequence]
        if not self._awaited:
            self._none_left.set()
        if self._on_partial:
            self._on_partial.pop(sequence, None)

    def _take_out(self, sequence: Sequence, now: float) -> None:
        if not self._queue.remove(sequence):
            self._engines.cancel(sequence)
        elif has_passed(sequence.deadline, now, since=sequence.arrived_at):
            self._count_expired()
