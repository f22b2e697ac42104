"""The engines behind an asyncio interface: texts in, futures out.

Owns the hand-over between the engines and the event loop. Knows nothing of gRPC, text or
languages.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from collections.abc import Sequence as ListOf

from dragoman_server.engine.attention_threads import Attend, AttentionThreads
from dragoman_server.engine.deadline import NO_LIMIT, TimeLimit
from dragoman_server.engine.engine import Progress
from dragoman_server.engine.engines import Engines, Reports
from dragoman_server.engine.forecast import Forecast, Promise
from dragoman_server.engine.outlook import UNREAD, Admission, Outline, Outlook
from dragoman_server.engine.outstanding import OnPartial, Outstanding
from dragoman_server.engine.sender import ANYBODY, Sender
from dragoman_server.engine.waiting_queue import WaitingQueue
from dragoman_server.errors import BackendError, UnavailableError
from dragoman_server.sequence import Completion, Sequence, TranslationOptions

_log = logging.getLogger(__name__)

# A step takes milliseconds, on a slow machine with a large model a second or two.
STALL_SECONDS = 60.0

OUTLOOK_SECONDS = 0.002
"""How old an outlook may be that calls are refused for: to add up what waits takes longer than to
refuse a call."""


class AsyncEngine:
    """Translates token ids on the event loop that started it.

    Args:
        queue: Where texts wait; the engines take from it.
        make_engines: Builds the engines around the functions that they report to.
        kv_cache_bytes: Memory of all the engines' caches.
        max_rows: Rows of all the engines together.
        count_expired: Called for each text that leaves the queue because its deadline passed, but
            for those that the engines find there.
        attend: Makes the passes that texts ask for; None where the model has none.
        clock: Seconds, monotonic; the engines'.
    """

    def __init__(
        self,
        queue: WaitingQueue,
        make_engines: Callable[[Reports], Engines],
        *,
        max_rows: int,
        kv_cache_bytes: int = 0,
        count_expired: Callable[[], None] | None = None,
        attend: Attend | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._engines = make_engines(Reports(self._deliver, self._settle, self._end))
        self._max_rows = max_rows
        self.kv_cache_bytes = kv_cache_bytes
        self._clock = clock
        engines = self._engines
        self._forecast = Forecast(engines.step_costs, engines=len(engines), places=max_rows)
        self._attention = None if attend is None else AttentionThreads(attend, len(engines))
        self._outstanding = Outstanding(
            queue,
            engines,
            self._forecast,
            attention=self._attention,
            count_expired=count_expired or (lambda: None),
            clock=clock,
        )
        self.used_at = clock()
        """When the last texts came, or it was built."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._admission, self._looked_at = Admission(), -math.inf
        self._closing = False

    @property
    def engine_count(self) -> int:
        """Number of engines, each with a thread or a process of its own."""
        return len(self._engines)

    @property
    def requests_waiting(self) -> int:
        """Texts that no engine has taken yet."""
        return len(self._queue)

    @property
    def requests_running(self) -> int:
        """Texts that hold rows."""
        return self._engines.running

    @property
    def bulk_waiting(self) -> int:
        """Those of `requests_waiting` that are bulk."""
        return self._queue.bulk_waiting

    @property
    def bulk_running(self) -> int:
        """Those of `requests_running` that are bulk."""
        return self._queue.bulk_running

    @property
    def predicted_seconds(self) -> float:
        """Seconds that a text of mean length would take now; 0 where nothing is predicted."""
        return self._forecast.usual_seconds(self._queue.snapshot())

    @property
    def kv_cache_usage(self) -> float:
        """Share of the rows that are in use, 0 to 1."""
        return self._engines.rows / self._max_rows

    @property
    def healthy(self) -> bool:
        """Whether every engine is alive."""
        return self._engines.healthy

    @property
    def stalled(self) -> bool:
        """Whether a step takes so long that it will hardly end."""
        return self._clock() - self._engines.step_began_at > STALL_SECONDS

    async def start(self) -> None:
        """Starts the engines; returns once all are prepared.

        Raises:
            ConfigError: There is no room for a thread.
            DragomanError: One could not be prepared.
        """
        self._loop = asyncio.get_running_loop()
        await self._engines.start()

    @property
    def is_at_ease(self) -> bool:
        """Whether it hardly refuses anything: who asks before a request is read need not."""
        return self._admission.is_at_ease

    def check_room(
        self,
        limit: TimeLimit,
        outline: Outline = UNREAD,
        sender: Sender = ANYBODY,
        texts_ahead: int = 0,
    ) -> None:
        """Refuses texts that would be refused, before anybody has tokenised them.

        Args:
            limit: When their translations are due.
            outline: What is known of them.
            sender: Whose they are.
            texts_ahead: That were let in before and were not yet submitted.

        Raises:
            QueueFullError: there is no room for all of them.
            WouldExpireError: they would probably end later than they are due.
        """
        now = self._clock()
        if not self._looked_at <= now < self._looked_at + OUTLOOK_SECONDS:
            self._admission.look(self.outlook())
            self._looked_at = now
        self._admission.check(limit, now, outline, sender=sender, texts_ahead=texts_ahead)

    def outlook(self) -> Outlook:
        """Returns what a request would find that came now."""
        return self._forecast.outlook(self._queue.snapshot())

    def submit(
        self,
        source_ids: ListOf[list[int]],
        options: TranslationOptions | ListOf[TranslationOptions],
        on_partial: OnPartial | None = None,
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        *,
        wants_timing: bool = False,
    ) -> list[asyncio.Future[Completion]]:
        """Queues texts, all or none; must be called on the event loop.

        Cancelling a future frees its rows at the next step. A future that fails raises
        BackendError, DeadlineError where its deadline passed in the queue, or UnavailableError
        where the engine was closed first.

        Args:
            source_ids: Source tokens of each text.
            options: How to decode them, or each of them.
            on_partial: Called on the event loop for each of them, after each step.
            limit: When their translations are due, in seconds of the clock.
            sender: Whose they are.
            wants_timing: Whether their completions say how long everything took.

        Raises:
            QueueFullError: there is no room for all of them.
            WouldExpireError: they would probably end later than they are due.
            UnavailableError: the engine does not run.
        """
        if self._loop is None or self._closing:
            raise UnavailableError("the engine does not run")
        now = self.used_at = self._clock()
        if isinstance(options, TranslationOptions):
            options = [options] * len(source_ids)
        sequences = [
            Sequence(
                ids,
                each,
                wants_partial=on_partial is not None,
                wants_timing=wants_timing,
                deadline=limit.deadline,
                expected_steps=self._forecast.steps(len(ids), each),
                arrived_at=now,
            )
            for ids, each in zip(source_ids, options, strict=True)
        ]
        load = self._queue.load(sender, len(sequences) - 1)
        predicted = self._forecast.seconds(sequences, load)
        self._forecast.check(predicted, limit.due - now, load)
        promise = Promise(now, limit.due, predicted, texts_left=len(sequences))
        # A call ends with its longest text, which therefore starts first; like lengths together
        # also leave less padding to the encoder and fewer rows idle at the end.
        longest_first = sorted(sequences, key=lambda sequence: -len(sequence.source_ids))
        self._queue.put(longest_first, sender)
        if sender.comes_with_others:
            self._loop.call_soon(self._queue.wake)
        self._engines.came()
        return self._outstanding.expect(sequences, promise, on_partial)

    async def wait_idle(self) -> None:
        """Returns once every text that was submitted has ended."""
        await self._outstanding.wait()

    async def close(self) -> None:
        """Stops the engines after their running step; what is unfinished gets UnavailableError.

        With the last reference to it the model's memory is free: it leaves no cycle to a collector
        that does not look at what has been there for long.
        """
        self._closing = True
        if self._attention is not None:
            self._attention.close()
        self._engines.close()
        self._queue.close()
        try:
            await self._engines.join()
        finally:
            self._outstanding.fail(UnavailableError("the server stopped before the translation"))

    def _end(self) -> None:
        """No engine is left: nothing that waits would ever be taken."""
        self._closing = True
        self._queue.close()
        self._outstanding.fail(BackendError("no engine is left; the server's log says why"))

    def _deliver(self, progress: Progress) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._settle, progress)

    def _settle(self, progress: Progress) -> None:
        self._outstanding.settle(progress)
