"""The lanes of one priority class, and which of them goes next.

The lane whose caller had least work done goes first (start-time fair queueing, Goyal et al., 1996).
Knows callers and work. Does not know the other class, nor what runs.
"""

import itertools
import math
from collections.abc import Collection
from heapq import heapify, heappop, heappush, heapreplace
from typing import NamedTuple, TypeAlias

from dragoman_server.engine.lane import Lane, Work
from dragoman_server.engine.sender import Sender
from dragoman_server.sequence import Sequence

MOST_PASSED = 64
"""Entries of the order that need not be true, beside two for each lane, before it is made anew."""

_Entry: TypeAlias = tuple[float, int, Lane]
"""What a lane had had, when it came or was served last, and the lane."""


class Lanes:
    """What waits in one class.

    Attributes:
        rows, steps, texts: Of all that waits.
    """

    def __init__(self) -> None:
        self.rows = self.steps = self.texts = 0
        self._lanes: dict[str, Lane] = {}
        """Of callers who have something waiting."""
        self._order: list[_Entry] = []
        """A heap. One entry of each lane is true; others are dropped once they come first."""
        self._numbers = itertools.count()
        """Of two that had as much, who came or was served before goes first."""
        self._served = 0.0
        """Virtual time: what the lane had had that was served last."""

    def __len__(self) -> int:
        return len(self._lanes)

    def totals(self) -> "ClassSnapshot":
        """Returns what waits, but not whose it is."""
        return ClassSnapshot(Work(self.rows, self.steps), self.texts, {})

    @property
    def sequences(self) -> list[Sequence]:
        """All that wait, one caller's after another's."""
        return [sequence for lane in self._lanes.values() for sequence in lane.sequences]

    def lane(self, caller: str) -> Lane | None:
        """Returns the caller's lane; None where nothing of theirs waits."""
        return self._lanes.get(caller)

    def put(self, sequences: Collection[Sequence], sender: Sender) -> Work:
        """Adds sequences of a request; returns their work."""
        lane = self._lanes.get(sender.caller)
        is_new = lane is None
        if lane is None:
            lane = self._lanes[sender.caller] = Lane(sender, self._served)
        work = lane.put(sequences, sender.texts_before)
        if is_new:
            self._enqueue(lane)
        self.texts += len(sequences)
        self.rows += work.rows
        self.steps += work.steps
        return work

    def next(self, among: Collection[str] | None = None) -> Lane | None:
        """Returns the lane that goes next, of all or of these callers'; None where there is none.

        Of many callers few have something waiting, or many are waiting and few are these.
        """
        if among is None:
            order = self._order
            while order:
                served, _, lane = order[0]
                if served == lane.served and lane.rows:
                    return lane
                heappop(order)
            return None
        lanes = self._lanes
        if len(among) < len(lanes):
            return min((lanes[each] for each in among if each in lanes), key=_served, default=None)
        return min(
            (lane for name, lane in lanes.items() if name in among), key=_served, default=None
        )

    def take(self, lane: Lane) -> Work:
        """Takes the lane's first sequence out; counts its work, which is returned."""
        self._served = lane.served
        work = lane.take()
        self._left(lane, work)
        if not lane.rows:
            return work
        if self._order[0][-1] is lane:  # as it is where it was its turn: that is over
            heapreplace(self._order, (lane.served, next(self._numbers), lane))
        else:
            self._enqueue(lane)
        return work

    def forget(self, sequence: Sequence) -> Lane | None:
        """Takes out a sequence that nobody will translate; returns its lane, where it has one."""
        for lane in self._lanes.values():
            if sequence in lane:
                self._left(lane, lane.forget(sequence))
                return lane
        return None

    def ahead(self, caller: str, texts_before: int) -> Work:
        """Returns what is served in this class before a text of the caller's that comes now.

        Args:
            caller: Whose it is.
            texts_before: Texts of the same request that have their turns before.
        """
        lane = self._lanes.get(caller)
        own = _NOTHING if lane is None else lane.ahead(texts_before)
        others = len(self._lanes) - (lane is not None)
        return ahead(Work(self.rows, self.steps), own, others=others) if others else own

    def snapshot(self) -> "ClassSnapshot":
        """Returns what callers find that come now."""
        texts_of = {caller: len(lane) for caller, lane in self._lanes.items()}
        return self.totals()._replace(texts_of=texts_of)

    def _enqueue(self, lane: Lane) -> None:
        heappush(self._order, (lane.served, next(self._numbers), lane))
        if len(self._order) > 2 * len(self._lanes) + MOST_PASSED:
            self._order = [
                entry for entry in self._order if entry[0] == entry[-1].served and entry[-1].rows
            ]
            heapify(self._order)

    def _left(self, lane: Lane, work: Work) -> None:
        if not lane.rows:
            del self._lanes[lane.caller]
        self.texts -= 1
        self.rows -= work.rows
        self.steps -= work.steps


class ClassSnapshot(NamedTuple):
    """What waits in one class at a moment."""

    waiting: Work
    texts: int
    """That wait."""
    texts_of: dict[str, int]
    """Likewise, by caller."""

    def ahead(self, caller: str) -> Work:
        """Returns what is served in this class before a text of the caller's that comes now."""
        rows, steps = self.waiting
        if not rows:
            return self.waiting
        share = self.texts_of.get(caller, 0) / self.texts
        own = Work(math.ceil(rows * share), math.ceil(steps * share))
        others = len(self.texts_of) - (caller in self.texts_of)
        return ahead(self.waiting, own, others=others)


_NOTHING = Work(0, 0)


def ahead(waiting: Work, own: Work, *, others: int) -> Work:
    """Returns what a text finds ahead of whose caller `own` is served before, among other callers.

    While those and it are served, each other caller has as much served, if he has it.
    """
    rows, steps = waiting
    if not (rows and others):
        return own
    ahead_rows = min(rows, own.rows + others * (own.rows + 1))
    ahead_steps = min(steps, own.steps + (ahead_rows - own.rows) * steps / rows)
    return Work(ahead_rows, math.ceil(ahead_steps))


def _served(lane: Lane) -> float:
    return lane.served
