"""Which parts of a translation belong to which parts of its source, by the links between words.

Works in units: what a tag can stand before or after. Does not know where elements go.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from dragoman_server.markup.block import Element

_CHARACTERS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_UNIT = re.compile(rf"[{_CHARACTERS}]|[^\W{_CHARACTERS}]+|[^\w\s]")
"""A word, a character of Chinese or Japanese, or a mark."""


class Link(NamedTuple):
    """A word of the source and one of the translation that say the same; places of characters."""

    source_begin: int
    source_end: int
    target_begin: int
    target_end: int
    weight: float


class Span(NamedTuple):
    """Units of the translation, from `begin` to before `end`."""

    begin: int
    end: int


class Alignment:
    """Units of a translation, each with its weight at places of the source."""

    def __init__(
        self, target: str, links: Sequence[Link], fixed: Iterable[tuple[int, int]] = ()
    ) -> None:
        """Cuts a translation into units.

        Args:
            target: The translation.
            links: Its links; their places must be in the texts.
            fixed: Characters that are one unit each, in order, whatever they are.
        """
        self.units = list(_units(target, fixed))
        self._begins = [begin for begin, _ in self.units]
        pairs = []
        weights = [0.0] * len(self.units)
        for link in links:
            for unit in self._overlapping(link.target_begin, link.target_end):
                pairs.append(((link.source_begin + link.source_end) / 2, unit, link.weight))
                weights[unit] += link.weight
        self._pairs = sorted(pairs)
        self._places = [place for place, _, _ in self._pairs]
        self._weights = weights
        self._before = [0.0, *accumulate(weights)]  # the weight of all units before each

    def unit_at(self, begin: int) -> int:
        """Returns the unit that begins at a character."""
        return bisect_left(self._begins, begin)

    def inside(self, begin: int, end: int, span: Span) -> dict[int, float]:
        """Returns the units of a span that belong to the source from `begin` to `end`, weighed."""
        found: dict[int, float] = {}
        for _, unit, weight in self._pairs[slice(*self._range(begin, end))]:
            if span.begin <= unit < span.end:
                found[unit] = found.get(unit, 0.0) + weight
        return found

    def best(self, inside: dict[int, float], taken: Sequence[Span]) -> Span | None:
        """Returns the units next to each other that have the most weight inside and least outside.

        Args:
            inside: Units that belong to it, with their weights.
            taken: Units that it must not have; in order.
        """
        best: tuple[float, Span] | None = None
        total, start, last = 0.0, -1, -1
        for unit in sorted(inside):
            at = bisect_left(taken, (unit + 1,)) - 1  # the last that begins at the unit or before
            if at >= 0 and unit < taken[at].end:
                continue
            gain = 2 * inside[unit] - self._weights[unit]
            between = self._before[unit] - self._before[last + 1]
            crosses = at >= 0 and start >= 0 and taken[at].begin > last
            if start < 0 or crosses or total <= between:
                total, start = gain, unit
            else:
                total += gain - between
            last = unit
            if best is None or total > best[0]:
                best = (total, Span(start, unit + 1))
        return best[1] if best else None

    def beside(self, place: int, outer: Element, *, is_after: bool) -> tuple[int, bool] | None:
        """Returns where between units a place of the source is, by the words beside it.

        Args:
            place: The place.
            outer: What it stands in.
            is_after: Whether it is asked first after which word it stands, not before which.

        Returns:
            The unit that follows, and whether it stands after the unit before it; None where no
            word beside it is aligned.
        """
        first, last = self._range(outer.begin, outer.end)
        at = bisect_left(self._places, place, first, last)
        before = (self._heaviest(self._places[at - 1]) + 1, True) if at > first else None
        after = (self._heaviest(self._places[at]), False) if at < last else None
        return (before or after) if is_after else (after or before)

    def _heaviest(self, place: float) -> int:
        """Returns the unit that has the most weight at a place where some have."""
        begin, end = bisect_left(self._places, place), bisect_right(self._places, place)
        return min((-weight, unit) for _, unit, weight in self._pairs[begin:end])[1]

    def _range(self, begin: int, end: int) -> tuple[int, int]:
        """Returns which pairs have their place from `begin` to before `end`."""
        return bisect_left(self._places, begin), bisect_left(self._places, end)

    def _overlapping(self, begin: int, end: int) -> range:
        first = bisect_left(self._begins, begin)
        if first and self.units[first - 1][1] > begin:
            first -= 1
        return range(first, bisect_left(self._begins, end))


def _units(target: str, fixed: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    position = 0
    for begin, end in fixed:
        yield from (match.span() for match in _UNIT.finditer(target, position, begin))
        yield begin, end
        position = end
    yield from (match.span() for match in _UNIT.finditer(target, position))
