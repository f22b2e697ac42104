"""Looks for the highest rate that keeps the bound. Pure: each trial is a call of a function.

Machines are noisy and a neighbour only ever makes them slower: a rate counts as kept when one of
two trials keeps it. What a trial cannot decide is not taken for broken: the search goes no lower
than where a trial has enough requests to tell, and says where it had to leave a rate undecided.
"""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

GROWTH = 1.5
"""Between two rates, until one is kept and a higher one is not."""

TRIES = 2

LOWEST_RATE = 0.05
"""Requests per second; below, the search gives up."""


class Outcome(Enum):
    """What a trial says of a rate."""

    KEPT = "kept"
    BROKEN = "broken"
    UNDECIDED = "undecided"
    """Not broken, but with too few requests to be sure, however long a trial may be."""


class Found(NamedTuple):
    """How a search ended."""

    rate: float | None
    """The highest rate that was kept, in requests per second; None where none was."""
    undecided: float | None
    """The lowest rate above it that no trial could decide; None where each was kept or broken."""


Trial = Callable[[float], Outcome]


def find_peak(
    trial: Trial, start: float, *, precision: float, lowest: float = LOWEST_RATE
) -> Found:
    """Returns the highest rate found that keeps the bound.

    Args:
        trial: Tries a rate, in requests per second.
        start: The first rate that is tried.
        precision: How much lower than the lowest rate that was not kept the result may be, as a
            share of the result.
        lowest: No lower rate is tried, but for `start`.
    """
    return _Search(trial).find(start, precision, lowest)


class _Search:
    """The rates that were tried so far."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._undecided: list[float] = []

    def find(self, start: float, precision: float, lowest: float) -> Found:
        kept, lost = self._bracket(start, lowest)
        while kept is not None and lost / kept > 1 + precision:
            middle = (kept * lost) ** 0.5
            if self._is_kept(middle):
                kept = middle
            else:
                lost = middle
        return Found(kept, min(self._undecided, default=None))

    def _bracket(self, start: float, lowest: float) -> tuple[float | None, float]:
        """Returns the highest rate kept and the lowest one not kept, a factor of GROWTH apart."""
        rate = start
        if self._is_kept(rate):
            while self._is_kept(rate * GROWTH):
                rate *= GROWTH
            return rate, rate * GROWTH
        while rate > lowest:
            lost, rate = rate, max(rate / GROWTH, lowest)
            if self._is_kept(rate):
                return rate, lost
        return None, rate

    def _is_kept(self, rate: float) -> bool:
        for _ in range(TRIES):
            outcome = self._trial(rate)
            if outcome is not Outcome.BROKEN:
                break
        if outcome is Outcome.UNDECIDED:
            self._undecided.append(rate)
        return outcome is Outcome.KEPT
