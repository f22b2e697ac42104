"""Which callers have little in the engines and the queue, and which have much.

Who has little must not notice who has much: waiting_queue.py lets texts of the latter in only as
far as headroom.py says while the former are there. Where all have about as much, all have little;
who had much a moment ago still counts so, or the end of a large request would look like a light
caller.

Knows rows and moments as numbers. One owner calls it, under its lock.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

FEW_ROWS = 16
"""Whoever has no more than these has little, times the caller's weight."""

MUCH = 8
"""So many times what those have who have little, on average, is much. Texts that arrive at random
seldom make so much of a difference, and where everything is slow for a moment all have more."""

LINGER_SECONDS = 1.0
"""For which who had much counts so, and for which who has little counts as there: longer than the
pauses of somebody who sends sentences steadily."""


@dataclass(slots=True)
class _Much:
    rows: int
    until: float
    """Counts as much however little it is."""
    weight: float


class Demand:
    """What each caller has waiting or running."""

    def __init__(self) -> None:
        self._little: dict[str, int] = {}
        """Rows, by caller, of those who have any."""
        self._little_rows = 0
        self._much: dict[str, _Much] = {}
        self._left_at: dict[str, float] = {}
        """When callers with little had nothing any more, the last to leave at the end."""
        self._looked_at = -math.inf
        self._names: set[str] = set()
        self._names_before: set[str] = set()
        """Of those with little who came since it was looked at, and in as long a time before."""

    @property
    def little(self) -> Collection[str]:
        """Callers who have little, but have something."""
        return self._little

    @property
    def little_rows(self) -> int:
        """That these have together."""
        return self._little_rows

    @property
    def callers_with_much(self) -> int:
        """How many have much, or had a moment ago."""
        return len(self._much)

    @property
    def with_much(self) -> frozenset[str]:
        """Who these are."""
        return frozenset(self._much)

    @property
    def share_of_much(self) -> float:
        """Share of the work that is fair to those who have much together, by their weights."""
        weights = sum([much.weight for much in self._much.values()])
        return weights / (weights + max(len(self._names), len(self._names_before), 1))

    def has_little(self, caller: str) -> bool:
        """Whether the caller has little, or nothing."""
        return caller not in self._much

    def any_with_little(self, now: float) -> bool:
        """Whether somebody with little is there, or was a moment ago."""
        if now > self._looked_at + LINGER_SECONDS:
            self._look(now)
        if self._little:
            return True
        return bool(self._left_at) and now < next(reversed(self._left_at.values())) + LINGER_SECONDS

    def add(self, caller: str, rows: int, now: float, weight: float = 1.0) -> None:
        """Counts rows that come."""
        if (much := self._much.get(caller)) is not None:
            much.rows += rows
            if much.rows > _most_that_is_little(self._little_rows, len(self._little), weight):
                much.until = now + LINGER_SECONDS
            elif much.until <= now:
                del self._much[caller]
                self._little[caller] = much.rows
                self._little_rows += much.rows
            return
        before = self._little.get(caller, 0)
        own = before + rows
        self._left_at.pop(caller, None)
        if own <= FEW_ROWS * weight or own <= _most_that_is_little(
            self._little_rows - before, len(self._little) - (before > 0), weight
        ):
            self._little[caller] = own
            self._little_rows += rows
            self._names.add(caller)
            return
        self._little.pop(caller, None)
        self._little_rows -= before
        self._much[caller] = _Much(own, now + LINGER_SECONDS, weight)

    def remove(self, caller: str, rows: int, now: float) -> None:
        """Counts rows no longer that left."""
        if (much := self._much.get(caller)) is not None:
            much.rows -= rows
            return
        self._little_rows -= rows
        if left := self._little[caller] - rows:
            self._little[caller] = left
        else:
            del self._little[caller]
            self._left_at[caller] = now

    def _look(self, now: float) -> None:
        """Forgets who is gone."""
        self._looked_at = now
        self._names_before, self._names = self._names, set()
        gone = [name for name, much in self._much.items() if not much.rows and much.until <= now]
        for name in gone:
            del self._much[name]
        while self._left_at and next(iter(self._left_at.values())) + LINGER_SECONDS <= now:
            del self._left_at[next(iter(self._left_at))]


def _most_that_is_little(rows: int, callers: int, weight: float) -> float:
    """Returns it where so many callers, who have little, have so many rows."""
    return max(FEW_ROWS * weight, MUCH * rows / callers if callers else 0.0)
