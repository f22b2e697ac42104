"""How long a translation is beside its source: within what is usual, or not.

Pure. Lengths are tokens, special ones not counted. The logarithm of their ratio is taken for
normally distributed, which that of human translations nearly is.
"""

import math
from typing import NamedTuple

PLAUSIBLE = 4.0
"""Standard deviations from the mean, beyond which something is lost or invented."""

SHORT = 2.0
"""From which on a translation is looked at more closely, as something may be lost: 5 of 100."""

FEWER, MORE = 3, 6
"""Tokens by which a translation may be shorter, and longer, whatever its source: a word is a
sentence too."""

LEAST_DEVIATION = 0.15


class LengthNorm(NamedTuple):
    """What is usual: natural logarithm of target tokens per source token."""

    mean: float
    deviation: float

    def bounds(self, source: int) -> tuple[int, int]:
        """Returns the fewest and the most tokens that are plausible for so many source tokens."""
        least = source * self._factor(-PLAUSIBLE) - FEWER
        return max(0, math.ceil(least)), math.floor(source * self._factor(PLAUSIBLE) + MORE)

    def is_short(self, target: int, source: int) -> bool:
        """Whether a translation is so short that something may be lost."""
        return target < source * self._factor(-SHORT)

    def least_usual(self, source: int) -> int:
        """Returns the fewest tokens that are not short."""
        return math.ceil(source * self._factor(-SHORT))

    def _factor(self, deviations: float) -> float:
        return math.exp(self.mean + deviations * max(self.deviation, LEAST_DEVIATION))


UNKNOWN = LengthNorm(0.0, 0.4)
"""Of two languages and a vocabulary of which nothing is known: a fifth to five times as long.
Deviations of human translations from English into German are 0.16 to 0.24."""
