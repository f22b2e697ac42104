"""Where a sentence that is too long is cut: at clause marks, at white space, between characters.

Knows characters. Does not know how long is too long.
"""

import re
import unicodedata
from collections.abc import Iterable

from dragoman_server.texts.span import Span, stripped
from dragoman_server.texts.unbroken import Unbroken

CLAUSE_END = re.compile(r"[;:,](?=\s)|\s[–—-](?=\s)|[—،؛、，；：।॥‚፣፤፥፦]")  # noqa: RUF001
"""The end of a clause, in scripts that have such marks; in 1,000 and 10:30 there is none."""

SPACE = re.compile(r"\s+")

JOINER = "\u200d"

NOTHING_UNBROKEN = Unbroken()


def halves(text: str, span: Span, unbroken: Unbroken = NOTHING_UNBROKEN) -> tuple[Span, Span]:
    """Returns the two parts of a span of two code points or more, cut near its middle.

    Neither is shorter than a quarter, but for white space at its ends, which is in none of them,
    and where what is unbroken has all between: then it is cut off. It is broken where it is all.
    """
    begin, end = span
    cut = _cut(text, span, max(1, (end - begin) // 4), unbroken)
    return stripped(text, begin, cut), stripped(text, cut, end)


def _cut(text: str, span: Span, margin: int, unbroken: Unbroken) -> int:
    """Returns where to cut, so far from the ends of a span."""
    first, last, middle = span.begin + margin, span.end - margin, (span.begin + span.end) // 2
    for pattern in (CLAUSE_END, SPACE):
        cuts = unbroken.outside(found.end() for found in pattern.finditer(text, first, last))
        if cuts:
            return _nearest(cuts, middle)
    cuts = [at for at in range(first, last + 1) if _may_part(text, at)]
    allowed = unbroken.outside(cuts) or unbroken.edges(middle, span)
    return _nearest(allowed or cuts or [middle], middle)


def _nearest(cuts: Iterable[int], middle: int) -> int:
    return min(cuts, key=lambda cut: abs(cut - middle))


def _may_part(text: str, at: int) -> bool:
    """Whether what is before and what is there are not one character to a reader."""
    return not (unicodedata.category(text[at])[0] == "M" or JOINER in text[at - 1 : at + 1])
