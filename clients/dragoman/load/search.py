"""Looks for the highest rate that keeps the bound. Pure: each try is a call of a function.

Machines are noisy and a neighbour only ever makes them slower: a rate counts as kept when one of
two tries keeps it.
"""

from collections.abc import Callable

GROWTH = 1.5
"""Between two rates, until one is kept and a higher one is not."""

TRIES = 2

LOWEST_RATE = 0.05
"""Requests per second; below, the search gives up."""

Try = Callable[[float], bool]


def find_peak(keeps: Try, start: float, *, precision: float) -> float | None:
    """Returns the highest rate found that keeps the bound; None where none does.

    Args:
        keeps: Tries a rate, in requests per second, and says whether the bound was kept.
        start: The first rate that is tried.
        precision: How much lower than the lowest rate that does not keep it the result may be,
            as a share of the result.
    """
    kept, lost = _bracket(keeps, start)
    if kept is None:
        return None
    while lost / kept > 1 + precision:
        middle = (kept * lost) ** 0.5
        if _is_kept(keeps, middle):
            kept = middle
        else:
            lost = middle
    return kept


def _bracket(keeps: Try, start: float) -> tuple[float | None, float]:
    """Returns the highest rate kept and the lowest one not kept, a factor of GROWTH apart."""
    rate = start
    if _is_kept(keeps, rate):
        while _is_kept(keeps, rate * GROWTH):
            rate *= GROWTH
        return rate, rate * GROWTH
    while rate > LOWEST_RATE:
        rate /= GROWTH
        if _is_kept(keeps, rate):
            return rate, rate * GROWTH
    return None, rate


def _is_kept(keeps: Try, rate: float) -> bool:
    return any(keeps(rate) for _ in range(TRIES))
