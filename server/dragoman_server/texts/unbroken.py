"""Parts of a text that stay in one piece, whatever is cut around them: placeholders, phrases.

Knows positions alone.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from dragoman_server.texts.span import Span


class Unbroken:
    """Of one text.

    Args:
        spans: In order; none overlaps another.
    """

    def __init__(self, spans: Sequence[Span] = ()) -> None:
        self._spans = spans
        self._begins = [span.begin for span in spans]

    def around(self, place: int) -> Span | None:
        """Returns the part that a cut at a place would break."""
        index = bisect_left(self._begins, place) - 1
        return self._spans[index] if index >= 0 and place < self._spans[index].end else None

    def covers(self, span: Span) -> bool:
        """Whether a span is in one of the parts."""
        index = bisect_right(self._begins, span.begin) - 1
        return index >= 0 and span.end <= self._spans[index].end

    def outside(self, places: Iterable[int]) -> list[int]:
        """Returns the places where a cut breaks nothing."""
        return [place for place in places if self.around(place) is None]

    def edges(self, place: int, span: Span) -> list[int]:
        """Returns where what is around a place begins and ends, as far as that is within a span."""
        around = self.around(place)
        return [] if around is None else [at for at in around if span.begin < at < span.end]

    def joined(self, spans: Iterable[Span]) -> Iterator[Span]:
        """Yields spans of which none ends or begins within a part: such are one."""
        last: Span | None = None
        for span in spans:
            before, behind = self.around(span.begin), self.around(span.end)
            begin = span.begin if before is None else before.begin
            end = span.end if behind is None else behind.end
            if last is not None and begin < last.end:
                last = Span(last.begin, max(last.end, end))
                continue
            if last is not None:
                yield last
            last = Span(begin, end)
        if last is not None:
            yield last
