"""The one queue that all engines take from: bounded, and fair between callers.

Each caller's texts are in a lane of their own, and the lane whose caller had least work done goes
first (start-time fair queueing, Goyal et al., 1996). So who sends much waits for himself, and who
sends little hardly waits for others.

Knows rows, tokens and moments as numbers; knows nothing of models, clocks or I/O.
"""

import math
import threading
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dragoman_server.engine.lane import Lane, Work, work_of
from dragoman_server.errors import QueueFullError
from dragoman_server.sequence import Sequence

RETRY_AFTER_SECONDS = 0.5

SHARE = 8
"""A caller who has texts waiting gets room for more as long as they are no more than so many times
the room that is left: who comes next finds some whatever one caller sends."""

FEW_TEXTS = 8
"""That a caller may have waiting wherever there is room."""


class Sender(NamedTuple):
    """Whose a request is."""

    caller: str = ""
    """Who sent it, or the connection that it came over."""
    texts_before: int = 0
    """Texts of the same stream that are not answered yet: as if all were one request's."""


ANYBODY = Sender()


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


class WaitingQueue:
    """Thread-safe. A sequence that was put is taken once or removed once."""

    def __init__(self, *, max_queue_size: int, engines: int) -> None:
        self._max_queue_size = max_queue_size
        self._lanes: dict[str, Lane] = {}
        """Of callers who have something waiting."""
        self._callers: dict[Sequence, str] = {}
        self._served = 0
        """Virtual time: what the lane had had that was served last."""
        self._waiting_rows = self._waiting_steps = 0
        self._running_rows = [0] * engines
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._callers)

    def load(self, sender: Sender = ANYBODY, texts_before: int = 0) -> Load:
        """Returns what a text finds that comes now, and as far as the engines told, what runs.

        Args:
            sender: Whose it is.
            texts_before: Texts of the same request that have their turns before.
        """
        with self._changed:
            rows, steps = self._waiting_rows, self._waiting_steps
            total = rows + sum(self._running_rows)
            if not rows:
                return Load(total, 0, 0)
            lane = self._lanes.get(sender.caller)
            own = Work(0, 0) if lane is None else lane.ahead(sender.texts_before + texts_before)
            others = len(self._lanes) - (lane is not None)
        return _load(Work(rows, steps), own, total_rows=total, others=others)

    def snapshot(self) -> "Snapshot":
        """Returns what callers find that come now."""
        with self._changed:
            return Snapshot(
                sum(self._running_rows),
                Work(self._waiting_rows, self._waiting_steps),
                len(self),
                {caller: len(lane) for caller, lane in self._lanes.items()},
                self._max_queue_size,
            )

    def put(self, sequences: Iterable[Sequence], sender: Sender = ANYBODY) -> None:
        """Adds all the sequences of a request, or none.

        Args:
            sequences: In the order of their turns.
            sender: Whose they are.

        Raises:
            QueueFullError: together they do not fit, or leave others too little room.
        """
        batch = list(sequences)
        with self._changed:
            lane = self._lanes.get(sender.caller)
            own = 0 if lane is None else len(lane)
            check_room(len(batch), own, waiting=len(self), max_queue_size=self._max_queue_size)
            if lane is None:
                lane = self._lanes[sender.caller] = Lane(self._served)
            for index, sequence in enumerate(batch, start=sender.texts_before):
                lane.put(sequence, index)
                self._callers[sequence] = sender.caller
                self._waiting_rows += sequence.rows
                self._waiting_steps += work_of(sequence)
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
            while self._lanes and (share := self._fair_rows() - self._running_rows[engine]) > 0:
                caller, lane = min(self._lanes.items(), key=_served)
                sequence = lane.first
                if sequence.deadline <= now:
                    lane.forget(sequence)
                    self._forget(sequence, caller)
                    taken.expired.append(sequence)
                    continue
                if sequence.rows > free_rows:
                    break
                is_more = sequence.rows > share or len(sequence.source_ids) > max_tokens
                if taken.newcomers and is_more:
                    break
                self._served = lane.served
                taken.newcomers.append(lane.take())
                self._forget(sequence, caller)
                free_rows -= sequence.rows
                max_tokens -= len(sequence.source_ids)
                self._running_rows[engine] += sequence.rows
            return taken

    def remove(self, sequence: Sequence) -> bool:
        """Takes a cancelled sequence out; False where an engine has it already."""
        with self._changed:
            caller = self._callers.get(sequence)
            if caller is None:
                return False
            self._lanes[caller].forget(sequence)
            self._forget(sequence, caller)
            return True

    def wait(self) -> bool:
        """Blocks until a sequence is waiting; False once the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._callers)
            return not self._closed

    def close(self) -> list[Sequence]:
        """Lets no engine wait any longer; returns what was still waiting."""
        with self._changed:
            self._closed = True
            left = [sequence for lane in self._lanes.values() for sequence in lane.sequences]
            self._lanes.clear()
            self._callers.clear()
            self._waiting_rows = self._waiting_steps = 0
            self._changed.notify_all()
            return left

    def _forget(self, sequence: Sequence, caller: str) -> None:
        """Counts a sequence no longer, which has left its lane."""
        del self._callers[sequence]
        if not self._lanes[caller]:
            del self._lanes[caller]
        self._waiting_rows -= sequence.rows
        self._waiting_steps -= work_of(sequence)

    def _fair_rows(self) -> int:
        return -(-(self._waiting_rows + sum(self._running_rows)) // len(self._running_rows))


class Snapshot(NamedTuple):
    """The queue at a moment."""

    running_rows: int
    """As far as the engines told."""
    waiting: Work
    texts: int
    """That wait."""
    texts_of: Mapping[str, int]
    """Likewise, by caller."""
    max_queue_size: int

    def load(self, caller: str) -> Load:
        """Returns what a text of the caller's finds."""
        rows, steps = self.waiting
        total = rows + self.running_rows
        if not rows:
            return Load(total, 0, 0)
        share = self.texts_of.get(caller, 0) / self.texts
        own = Work(math.ceil(rows * share), math.ceil(steps * share))
        others = len(self.texts_of) - (caller in self.texts_of)
        return _load(self.waiting, own, total_rows=total, others=others)

    def check_room(self, texts: int, caller: str, texts_ahead: int) -> None:
        """Raises QueueFullError where so many do not fit; `texts_ahead` will come first."""
        waiting, own = self.texts + texts_ahead, self.texts_of.get(caller, 0)
        check_room(texts, own, waiting=waiting, max_queue_size=self.max_queue_size)


def check_room(texts: int, own: int, *, waiting: int, max_queue_size: int) -> None:
    """Refuses texts or does not.

    Args:
        texts: So many come.
        own: So many wait that are the same caller's.
        waiting: So many wait in all.
        max_queue_size: The most that may.

    Raises:
        QueueFullError: together they do not fit, or would leave others too little room.
    """
    left = max_queue_size - waiting - texts
    if left < 0:
        raise QueueFullError(
            f"the queue has no room for {texts} more texts: "
            f"{waiting} of at most {max_queue_size} are waiting",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )
    if own and own + texts > max(FEW_TEXTS, SHARE * left):
        raise QueueFullError(
            f"{own} texts of this connection are waiting, and {texts} more would leave room for "
            f"{left} of the {max_queue_size} that may wait: it has to leave some to others",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )


def _load(waiting: Work, own: Work, *, total_rows: int, others: int) -> Load:
    """Returns what a text finds of whose caller `own` is served before, among so many others.

    While those and it are served, each other caller has as much served, if he has it.
    """
    rows, steps = waiting
    ahead_rows = min(rows, own.rows + others * (own.rows + 1)) if others else own.rows
    ahead_steps = min(steps, own.steps + (ahead_rows - own.rows) * steps / rows)
    return Load(total_rows, ahead_rows, math.ceil(ahead_steps), rows - ahead_rows)


def _served(item: tuple[str, Lane]) -> int:
    return item[1].served
