"""Whether a translation says the same again and again, as models do that have lost their way.

Pure. Knows tokens by their numbers, or words in their place. Time and memory are linear in how many
there are.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple

MOST_PERIODS = 8
"""That are looked at: those by which most tokens come again."""

PHRASE = 4
"""Tokens of a phrase that is not said twice, one after the other, by chance."""

SHORT_TIMES, TOKEN_TIMES = 3, 4
"""So often come two or three tokens again, or one, where something is wrong. Of 6,000 human
translations into German none has that (`python -m tests.bench.guard`)."""


WINDOW, FEWEST = 24, 10
"""So many tokens in a row have at least so many different ones. Those of human translations have 13
and more."""

EXCUSED = 4
"""More different ones that a source may have which is as monotonous as its translation."""


class Run(NamedTuple):
    """Tokens that say the same several times, one after the other."""

    begin: int
    period: int
    """Tokens that are said."""
    length: int
    """Tokens in all; the last time may have stopped midway."""

    @property
    def times(self) -> int:
        """How often they are said in full."""
        return self.length // self.period


def repeated(target: Sequence[Hashable], source: Sequence[Hashable]) -> Run | None:
    """Returns the longest run of a translation that is a fault; None where there is none.

    A source that repeats something as often, and not much less of it, has a translation that does.
    """
    run = longest_run(target)
    if run is None or run.times < _most_times(run.period) + 1:
        return None
    own = longest_run(source)
    is_own = own is not None and own.times >= run.times and 2 * own.length >= run.length
    return None if is_own else run


def monotonous(target: Sequence[Hashable], source: Sequence[Hashable]) -> int | None:
    """Returns how few different tokens WINDOW in a row have, where that is a fault.

    Models that have lost their way do not always say the same in the same order.
    """
    if len(target) - len(set(target)) <= WINDOW - FEWEST:
        return None
    fewest = _fewest(target)
    if fewest >= FEWEST or _fewest(source) <= fewest + EXCUSED:
        return None
    return fewest


def _fewest(tokens: Sequence[Hashable]) -> int:
    """Returns how few different tokens WINDOW in a row have; WINDOW where there are not so many."""
    counts = Counter(tokens[:WINDOW])
    if len(tokens) < WINDOW:
        return WINDOW
    different = fewest = len(counts)
    for old, new in zip(tokens, tokens[WINDOW:], strict=False):
        counts[old] -= 1
        different -= not counts[old]
        different += not counts[new]
        counts[new] += 1
        fewest = min(fewest, different)
    return fewest


def longest_run(tokens: Sequence[Hashable]) -> Run | None:
    """Returns the longest run that has a token once in each of its times; None without any."""
    gaps = _gaps(tokens)
    found: Run | None = None
    for period, _ in gaps.most_common(MOST_PERIODS):
        same = 0
        for at in range(period, len(tokens)):
            same = same + 1 if tokens[at] == tokens[at - period] else 0
            length = same + period
            if same >= period and (found is None or length > found.length):
                found = Run(at + 1 - length, period, length)
    return found


def _gaps(tokens: Sequence[Hashable]) -> Counter[int]:
    """Counts how far it is from each token to where it was before."""
    last: dict[Hashable, int] = {}
    gaps: Counter[int] = Counter()
    if len(set(tokens)) == len(tokens):
        return gaps
    for at, token in enumerate(tokens):
        if token in last:
            gaps[at - last[token]] += 1
        last[token] = at
    return gaps


def _most_times(period: int) -> int:
    """Returns how often so many tokens may be said."""
    if period >= PHRASE:
        return 1
    return (TOKEN_TIMES if period == 1 else SHORT_TIMES) - 1
