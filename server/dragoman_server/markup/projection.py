"""Where the elements of a block go in its translation.

Each goes round the words that the words in it are aligned to, and stays in the element that it was
in: so nesting is what it was, whatever the links are, and each is there once. The idea is Zenkel,
Wuebker and DeNero's (Automatic Bilingual Markup Transfer, 2021). Where the words of an element
are torn apart, it goes round the part with the most weight: one wrong link does not stretch it over
the sentence. Does not know where links come from.
"""

import re
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dragoman_server.markup.alignment import Alignment, Link, Span
from dragoman_server.markup.block import Block, Element

FIXED_WEIGHT = 1_000.0
"""Of the link between words that stay as they are: more than what all others have."""


@dataclass(slots=True)
class Placed:
    """An element of a block, in its translation."""

    element: Element
    span: Span
    is_after: bool = False
    """Of a point: whether it belongs to the unit before it."""

    children: list["Placed"] = field(default_factory=list)
    """Those in it, in the order of the translation."""


class Projection:
    """Places the elements of a block."""

    def __init__(self, block: Block, target: str, links: Sequence[Link]) -> None:
        self._block = block
        self._found = _occurrences(block, target)
        fixed = [
            Link(element.begin, element.end, begin, end, FIXED_WEIGHT)
            for element, (begin, end) in self._found.values()
        ]
        spans = sorted((link.target_begin, link.target_end) for link in fixed)
        self.alignment = Alignment(target, [*links, *fixed], spans)

    def placed(self) -> list[Placed]:
        """Returns the elements that are in no other, in the order of the translation."""
        outer = Element("pair", "", 0, len(self._block.text), children=self._block.elements)
        return self._place(outer, Span(0, len(self.alignment.units)))

    def _place(self, outer: Element, span: Span) -> list[Placed]:
        """Places what is in an element."""
        spans = self._spans(outer, span)
        taken = sorted(each for each in spans.values() if each.begin < each.end)
        placed = []
        for index, element in enumerate(outer.children):
            if (own := spans.get(index)) is None:
                placed.append(self._point(element, outer, span, taken))
            else:
                placed.append(Placed(element, own, children=self._place(element, own)))
        return sorted(placed, key=lambda each: (each.span.begin, each.span.end > each.span.begin))

    def _spans(self, outer: Element, span: Span) -> dict[int, Span]:
        """Returns the units of each element that has some, by its index; they do not overlap."""
        spans: dict[int, Span] = {}
        taken: list[Span] = []
        weighed = []
        for index, element in enumerate(outer.children):
            if element.kind == "words" and (unit := self._unit_of(element)) is not None:
                if span.begin <= unit < span.end:
                    spans[index] = Span(unit, unit + 1)
                    insort(taken, spans[index])
            elif element.kind == "pair":
                inside = self.alignment.inside(element.begin, element.end, span)
                weighed.append((-sum(inside.values()), index, inside))
        for _, index, inside in sorted(weighed, key=lambda each: each[:2]):
            element = outer.children[index]
            if (element.begin, element.end) == (outer.begin, outer.end) and not taken:
                own: Span | None = span
            else:
                own = self.alignment.best(inside, taken) or _relative(element, outer, span, taken)
            if own is not None:
                spans[index] = own
                insort(taken, own)
        return spans

    def _unit_of(self, element: Element) -> int | None:
        found = self._found.get(id(element))
        return self.alignment.unit_at(found[1][0]) if found else None

    def _point(self, element: Element, outer: Element, span: Span, taken: Sequence[Span]) -> Placed:
        """Places what has no words of its own; tags that found none get nothing between them."""
        place, is_after = element.begin, element.hangs_on
        if place in {outer.begin, outer.end}:
            unit, is_after = (span.begin, False) if place == outer.begin else (span.end, True)
        elif (beside := self.alignment.beside(place, outer, is_after=is_after)) is not None:
            unit, is_after = beside
        else:
            unit = _scaled(place, outer, span)
        unit = min(max(unit, span.begin), span.end)
        for other in taken:
            if other.begin < unit < other.end:
                unit, is_after = other.end, True
        placed = Placed(element, Span(unit, unit), is_after)
        placed.children = self._place(element, placed.span)
        return placed


def _scaled(place: int, outer: Element, span: Span) -> int:
    """Returns the unit that is as far in a span as a place of the source is in an element."""
    share = (place - outer.begin) / max(1, outer.end - outer.begin)
    return span.begin + round(share * (span.end - span.begin))


def _relative(element: Element, outer: Element, span: Span, taken: Sequence[Span]) -> Span | None:
    """Returns units for an element by its place alone, the nearest free ones; None: none are."""
    begin = _scaled(element.begin, outer, span)
    size = max(1, _scaled(element.end, outer, span) - begin)
    starts = [span.begin, *(each.end for each in taken)]
    ends = [*(each.begin for each in taken), span.end]
    free = [Span(*pair) for pair in zip(starts, ends, strict=True) if pair[0] < pair[1]]
    if not free:
        return None
    nearest = min(free, key=lambda each: max(each.begin - begin, begin - each.end + 1, 0))
    start = min(max(begin, nearest.begin), nearest.end - 1)
    return Span(start, min(start + size, nearest.end))


def _occurrences(block: Block, target: str) -> dict[int, tuple[Element, tuple[int, int]]]:
    """Finds in the translation the words that stay as they are.

    Each is what stands at the same place, or else the next one of its like.
    """
    found: dict[int, tuple[Element, tuple[int, int]]] = {}
    used: list[tuple[int, int]] = []
    reached: dict[str, int] = {}
    for element in _walk(block.elements):
        if element.kind != "words":
            continue
        words = block.text[element.begin : element.end]
        whole = re.compile(rf"(?<!\w){re.escape(words)}(?!\w)")
        is_whole = whole.match(block.text, element.begin) is not None  # and no part of a word
        pattern = whole if is_whole else re.compile(re.escape(words))
        match = pattern.match(target, element.begin)
        if match is None or _overlapping(match.span(), used):
            match, reached[words] = _next(pattern, target, reached.get(words, 0), used)
        if match is not None:
            insort(used, match.span())
            found[id(element)] = (element, match.span())
    return found


def _next(
    pattern: re.Pattern[str], target: str, position: int, used: Sequence[tuple[int, int]]
) -> tuple[re.Match[str] | None, int]:
    """Returns the first match from a position on that has nothing of what is used.

    Also where to look for more: none is free before.
    """
    while match := pattern.search(target, position):
        taken = _overlapping(match.span(), used)
        if taken is None:
            return match, match.end()
        position = taken[1]
    return None, len(target)


def _overlapping(
    span: tuple[int, int], others: Sequence[tuple[int, int]]
) -> tuple[int, int] | None:
    """Returns the first of some spans, in order, that has some of another; None where none has."""
    at = bisect_left(others, span)
    if at > 0 and others[at - 1][1] > span[0]:
        return others[at - 1]
    return others[at] if at < len(others) and others[at][0] < span[1] else None


def _walk(elements: Sequence[Element]) -> Iterator[Element]:
    for element in elements:
        yield element
        yield from _walk(element.children)
