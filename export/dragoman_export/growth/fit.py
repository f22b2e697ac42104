"""How times grow with a length: what is fitted to them, and where two of them meet.

Knows numbers. Does not know what they are of.
"""

from collections.abc import Sequence
from itertools import combinations
from math import exp, log
from typing import NamedTuple

import numpy as np


class Polynomial(NamedTuple):
    """constant + linear * n + quadratic * n**2; no coefficient is negative."""

    constant: float
    linear: float
    quadratic: float

    def at(self, length: float) -> float:
        """Returns its value."""
        return self.constant + self.linear * length + self.quadratic * length**2

    @property
    def even(self) -> float | None:
        """The length at which the quadratic part is as much as the linear one; None if at none."""
        return self.linear / self.quadratic if self.linear and self.quadratic else None


def fit(
    lengths: Sequence[int], seconds: Sequence[float], powers: Sequence[int] = (0, 1, 2)
) -> Polynomial:
    """Returns the polynomial with the least squares of relative errors.

    Of all that have no negative coefficient: there are so few subsets of them that each is tried.

    Args:
        lengths: At least one.
        seconds: At each, more than 0.
        powers: Of the length that there are at all.
    """
    places = np.array(lengths, float)
    terms = np.stack([places**power for power in range(3)], axis=1)  # (lengths, 3)
    scaled = terms / np.array(seconds)[:, None]
    scales = np.linalg.norm(scaled, axis=0)  # numbers of one size are solved exactly
    scaled = scaled / scales
    best, least = np.zeros(3), float(len(lengths))
    for count in range(1, len(powers) + 1):
        for chosen in map(list, combinations(powers, count)):
            found = np.linalg.lstsq(scaled[:, chosen], np.ones(len(lengths)))[0]
            error = float(np.sum((scaled[:, chosen] @ found - 1) ** 2))
            if found.min() >= 0 and error < least:
                best, least = np.zeros(3), error
                best[chosen] = found
    return Polynomial(*(best / scales).tolist())


def meeting(
    lengths: Sequence[int], first: Sequence[float], second: Sequence[float]
) -> float | None:
    """Returns the length from which `first` is at least `second`, up to the longest.

    Between two lengths both are taken to be powers of the length.

    Args:
        lengths: Ascending.
        first: At each, more than 0.
        second: Likewise.

    Returns:
        None where it is less at the longest, or nowhere less.
    """
    ratios = [log(one / other) for one, other in zip(first, second, strict=True)]
    below = [place for place, ratio in enumerate(ratios) if ratio < 0]
    if not below or below[-1] == len(ratios) - 1:
        return None
    place = below[-1]
    part = ratios[place] / (ratios[place] - ratios[place + 1])
    return exp(log(lengths[place]) * (1 - part) + log(lengths[place + 1]) * part)
