"""The one queue that all engines take from: bounded, and fair between requests.

Knows rows, tokens and moments as numbers; knows nothing of models, clocks or I/O.
"""

import math
import threading
from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import NamedTuple

from dragoman_server.errors import QueueFullError
from dragoman_server.sequence import Sequence

RETRY_AFTER_SECONDS = 0.5

SPACING = 4
"""A request of many texts is served as if they came one by one, each when so many texts, anybody's,
had been taken since the one before. So one of a single text does not wait for all of a large one
that came first, and the large one has its share beside any number of small ones. Where nobody else
waits, spacing changes nothing."""


class Load(NamedTuple):
    """What there is to do, as a newcomer finds it."""

    rows: int
    """Of sequences that run or wait."""
    waiting_rows: int
    """Of those that wait and have their turn first."""
    waiting_steps: int
    """Decoding steps that these are expected to take, added up over the rows."""
    rows_behind: int = 0
    """Of those that wait and have their turn later."""

    def plus(self, *, rows: int, steps: int) -> "Load":
        """Returns what there is to do once so much more is waiting."""
        return self._replace(
            rows=self.rows + rows,
            waiting_rows=self.waiting_rows + rows,
            waiting_steps=self.waiting_steps + steps,
        )


class Taken(NamedTuple):
    """What left the queue."""

    newcomers: list[Sequence]
    """To be encoded now."""
    expired: list[Sequence]
    """Their deadline passed while they waited; the engine tells of their end."""


class _Place(NamedTuple):
    """Where a sequence stands: who has the same turn is served in order of arrival."""

    turn: int
    arrival: int


class WaitingQueue:
    """Thread-safe. A sequence that was put is taken once or removed once."""

    def __init__(self, *, max_queue_size: int, engines: int) -> None:
        self._max_queue_size = max_queue_size
        self._order: list[tuple[int, int, Sequence]] = []
        """Places and who stands there, in order."""
        self._places: dict[Sequence, _Place] = {}
        self._arrived = self._taken = 0
        self._waiting_rows = 0
        self._waiting_steps = 0
        self._running_rows = [0] * engines
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._order)

    def load(self, texts_before: int = 0) -> Load:
        """Returns what a text finds that comes now, and as far as the engines told, what runs.

        Args:
            texts_before: Texts of the same request that have their turns before.
        """
        total, steps = self._waiting_rows, self._waiting_steps
        rows = total + sum(self._running_rows)
        first_behind = bisect_left(self._order, (self._turn(texts_before) + 1,))
        behind = self._order[first_behind:]
        if not behind:
            return Load(rows, total, steps)
        if len(behind) < first_behind:
            rows_behind, steps_behind = _work(behind)
            return Load(rows, total - rows_behind, steps - steps_behind, rows_behind)
        rows_ahead, steps_ahead = _work(self._order[:first_behind])
        return Load(rows, rows_ahead, steps_ahead, total - rows_ahead)

    def check_room(self, texts: int) -> None:
        """Raises QueueFullError where so many more do not fit."""
        waiting = len(self._order)
        if waiting + texts > self._max_queue_size:
            raise QueueFullError(
                f"the queue has no room for {texts} more texts: "
                f"{waiting} of at most {self._max_queue_size} are waiting",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )

    def put(self, sequences: Iterable[Sequence], texts_before: int = 0) -> None:
        """Adds all the sequences of a request, or none.

        Args:
            sequences: In the order of their turns.
            texts_before: Texts of the same caller that are not answered yet, where it sends them
                one by one: as if they were of the same request.

        Raises:
            QueueFullError: together they do not fit.
        """
        batch = list(sequences)
        with self._changed:
            self.check_room(len(batch))
            for index, sequence in enumerate(batch, start=texts_before):
                place = _Place(self._turn(index), self._arrived)
                self._arrived += 1
                self._places[sequence] = place
                insort(self._order, (*place, sequence))
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
        """Takes what `engine` should encode next: its fair share, in order of their turns.

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
            while self._order and (share := self._fair_rows() - self._running_rows[engine]) > 0:
                sequence = self._order[0][-1]
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
                self._taken += 1
                free_rows -= sequence.rows
                max_tokens -= len(sequence.source_ids)
                self._running_rows[engine] += sequence.rows
            return taken

    def remove(self, sequence: Sequence) -> bool:
        """Takes a cancelled sequence out; False where an engine has it already."""
        with self._changed:
            if sequence not in self._places:
                return False
            self._forget(sequence)
            return True

    def wait(self) -> bool:
        """Blocks until a sequence is waiting; False once the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._order)
            return not self._closed

    def close(self) -> list[Sequence]:
        """Lets no engine wait any longer; returns what was still waiting."""
        with self._changed:
            self._closed = True
            left = [sequence for *_, sequence in self._order]
            self._order.clear()
            self._places.clear()
            self._waiting_rows = self._waiting_steps = 0
            self._changed.notify_all()
            return left

    def _forget(self, sequence: Sequence) -> None:
        del self._order[bisect_left(self._order, self._places.pop(sequence))]
        self._waiting_rows -= sequence.rows
        self._waiting_steps -= sequence.rows * sequence.expected_steps

    def _turn(self, texts_before: int) -> int:
        """Returns the turn of a text that comes now: how many were taken by then, at the least."""
        return self._taken + SPACING * texts_before

    def _fair_rows(self) -> int:
        return -(-(self._waiting_rows + sum(self._running_rows)) // len(self._running_rows))


def _work(places: list[tuple[int, int, Sequence]]) -> tuple[int, int]:
    """Returns rows, and decoding steps added up over them."""
    rows = steps = 0
    for *_, sequence in places:
        rows += sequence.rows
        steps += sequence.rows * sequence.expected_steps
    return rows, steps
