"""Decides what an engine runs next: newcomers' sources, or one more token for everybody.

Pure Python: no clock, no I/O, no tensors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from dragoman_server.engine.estimators import WideLine
from dragoman_server.engine.headroom import Headroom
from dragoman_server.engine.waiting_queue import Taken, WaitingQueue
from dragoman_server.sequence import Sequence


@dataclass(frozen=True, slots=True)
class EncodeBatch:
    """Newcomers, whose rows follow the running ones."""

    sequences: list[Sequence]


@dataclass(frozen=True, slots=True)
class DecodeBatch:
    """One step of all running rows."""

    rows: int


Batch = EncodeBatch | DecodeBatch


class Decision(NamedTuple):
    """What comes next."""

    batch: Batch | None
    """None where nothing is to do."""
    expired: list[Sequence]
    """Left the queue instead of being admitted, as their deadline has passed."""


WORTHWHILE_SHARE = 1 / 8
"""Of the rows: while more texts wait than there is room for, so many are admitted together. An
encoder run for one or two costs nearly as much as for several."""

MEMORY_STEPS = 512
"""Of each order of magnitude of rows, whose cost is remembered."""


class Alternation:
    """Admits at every step, but never twice in a row while sentences are running.

    So a running sentence waits at most for one encoder run between two of its tokens, however many
    newcomers there are.
    """

    def __init__(self, take: Callable[[int, float], Taken]) -> None:
        self._take = take
        self._owes_decoding = False

    def schedule(self, running_rows: int, now: float) -> Decision:
        """Returns what to run while `running_rows` rows are held."""
        expired: list[Sequence] = []
        if not (self._owes_decoding and running_rows):
            newcomers, expired = self._take(running_rows, now)
            if newcomers:
                self._owes_decoding = True
                return Decision(EncodeBatch(newcomers), expired)
        self._owes_decoding = False
        return Decision(DecodeBatch(running_rows) if running_rows else None, expired)


class Scheduler:
    """Takes newcomers from the queue, as many as are encoded at once: see Alternation."""

    def __init__(
        self, queue: WaitingQueue, *, engine: int, max_batch_size: int, max_encode_tokens: int
    ) -> None:
        self._queue = queue
        self._engine = engine
        self._max_batch_size = max_batch_size
        self._max_encode_tokens = max_encode_tokens
        self._alternation = Alternation(self._take)
        self._costs = WideLine(MEMORY_STEPS)
        self._headroom = Headroom(self._costs)

    def schedule(self, running_rows: int, now: float) -> Decision:
        """Returns what to run while `running_rows` rows are held."""
        decision = self._alternation.schedule(running_rows, now)
        if isinstance(decision.batch, DecodeBatch):
            self._headroom.observe(self._queue.light_rows(self._engine), running_rows, now)
        return decision

    def observe_step(self, rows: int, seconds: float) -> None:
        """Learns what a decoding step took, with all that came between it and the one before."""
        self._costs.observe(rows, seconds)

    def freed(self, sequences: list[Sequence], now: float) -> None:
        """Is told that rows are free again that were these sequences'."""
        self._queue.freed(self._engine, sequences, now)

    def _take(self, running_rows: int, now: float) -> Taken:
        return self._queue.take(
            self._engine,
            running_rows=running_rows,
            free_rows=self._max_batch_size - running_rows,
            worthwhile_rows=int(self._max_batch_size * WORTHWHILE_SHARE),
            max_tokens=self._max_encode_tokens,
            headroom=self._headroom,
            now=now,
        )
