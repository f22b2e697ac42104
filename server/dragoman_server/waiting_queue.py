"""The one queue that all engines take from: bounded, first come, first served.

Knows rows, tokens and moments as numbers; knows nothing of models, clocks or I/O.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from dragoman_server.errors import QueueFullError
from dragoman_server.sequence import Sequence

RETRY_AFTER_SECONDS = 0.5


class Load(NamedTuple):
    """What there is to do."""

    rows: int
    """Of sequences that run or wait."""
    waiting_rows: int
    waiting_steps: int
    """Decoding steps that these are expected to take, added up over the rows."""

    def plus(self, *, rows: int, steps: int) -> "Load":
        """Returns what there is to do once so much more is waiting."""
        return Load(self.rows + rows, self.waiting_rows + rows, self.waiting_steps + steps)


class Taken(NamedTuple):
    """What left the queue."""

    newcomers: list[Sequence]
    """To be encoded now."""
    expired: list[Sequence]
    """Their deadline passed while they waited; the engine tells of their end."""


class WaitingQueue:
    """Thread-safe. A sequence that was put is taken once or removed once."""

    def __init__(self, *, max_queue_size: int, engines: int) -> None:
        self._max_queue_size = max_queue_size
        self._waiting: OrderedDict[Sequence, None] = OrderedDict()
        self._waiting_rows = 0
        self._waiting_steps = 0
        self._running_rows = [0] * engines
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def load(self) -> Load:
        """What waits, and what runs as far as the engines told when they last took something."""
        waiting = self._waiting_rows
        return Load(waiting + sum(self._running_rows), waiting, self._waiting_steps)

    def check_room(self, texts: int) -> None:
        """Raises QueueFullError where so many more do not fit."""
        waiting = len(self._waiting)
        if waiting + texts > self._max_queue_size:
            raise QueueFullError(
                f"the queue has no room for {texts} more texts: "
                f"{waiting} of at most {self._max_queue_size} are waiting",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )

    def put(self, sequences: Iterable[Sequence]) -> None:
        """Adds all the sequences or none.

        Raises:
            QueueFullError: together they do not fit.
        """
        batch = list(sequences)
        with self._changed:
            self.check_room(len(batch))
            for sequence in batch:
                self._waiting[sequence] = None
                self._waiting_rows += sequence.rows
                self._waiting_steps += sequence.rows * sequence.expected_steps
            self._changed.notify_all()

    def take(
        self,
        engine: int,
        *,
        running_rows: int,
        free_rows: int,
        max_tokens: int,
        worthwhile_rows: int = 0,
        now: float = -math.inf,
    ) -> Taken:
        """Takes what `engine` should encode next: its fair share, in order of arrival.

        The share levels the engines' rows, so that a burst never lands on one engine while another
        idles. At least one sequence is taken, however long, where a row is free and due. What is
        next and has expired is dropped instead.

        Args:
            engine: Index of the engine that asks.
            running_rows: Rows that it holds now.
            free_rows: Rows that it could take.
            max_tokens: Most source tokens to encode at once.
            worthwhile_rows: Where more is waiting than fits, an engine that is running takes
                nothing until so many rows are free.
            now: Sequences whose deadline is no later have expired.
        """
        # Without the lock: what comes this instant is seen at the next step.
        waiting_rows = self._waiting_rows
        if not waiting_rows or (running_rows and free_rows < min(worthwhile_rows, waiting_rows)):
            self._running_rows[engine] = running_rows
            return Taken([], [])
        with self._changed:
            self._running_rows[engine] = running_rows
            taken = Taken([], [])
            while self._waiting and (share := self._fair_rows() - self._running_rows[engine]) > 0:
                sequence = next(iter(self._waiting))
                if sequence.deadline <= now:
                    self._forget(sequence)
                    taken.expired.append(sequence)
                    continue
                if sequence.rows > free_rows:
                    break
                is_more = sequence.rows > share or len(sequence.source_ids) > max_tokens
                if taken.newcomers and is_more:
                    break
                self._forget(sequence)
                taken.newcomers.append(sequence)
                free_rows -= sequence.rows
                max_tokens -= len(sequence.source_ids)
                self._running_rows[engine] += sequence.rows
            return taken

    def remove(self, sequence: Sequence) -> bool:
        """Takes a cancelled sequence out; False where an engine has it already."""
        with self._changed:
            if sequence not in self._waiting:
                return False
            self._forget(sequence)
            return True

    def wait(self) -> bool:
        """Blocks until a sequence is waiting; False once the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting)
            return not self._closed

    def close(self) -> list[Sequence]:
        """Lets no engine wait any longer; returns what was still waiting."""
        with self._changed:
            self._closed = True
            left = list(self._waiting)
            self._waiting.clear()
            self._waiting_rows = self._waiting_steps = 0
            self._changed.notify_all()
            return left

    def _forget(self, sequence: Sequence) -> None:
        del self._waiting[sequence]
        self._waiting_rows -= sequence.rows
        self._waiting_steps -= sequence.rows * sequence.expected_steps

    def _fair_rows(self) -> int:
        return -(-(self._waiting_rows + sum(self._running_rows)) // len(self._running_rows))
