"""Where tokens stand in a text of which only their own texts are known.

Knows texts; does not know tokenizers or ids.
"""

from collections.abc import Sequence

Span = tuple[int, int]
"""Code points of a text: the first, and the one after the last."""

NOWHERE: Span = (0, 0)
"""Of a token that is no part of the text."""

REACH = 16
"""Code points of a text that may be skipped between two tokens."""


def locate(text: str, surfaces: Sequence[str]) -> list[Span]:
    """Returns where each token stands.

    A token that is not found (a part of a character, or what was written otherwise) gets what
    lies between those beside it that are.

    Args:
        text: What the tokens make.
        surfaces: The text of each token; white space alone is nowhere.
    """
    spans: list[Span | None] = []
    end = 0
    for surface in surfaces:
        token = surface.strip()
        if not token:
            spans.append(NOWHERE)
            continue
        begin = text.find(token, end, end + len(token) + REACH)
        spans.append(None if begin < 0 else (begin, begin + len(token)))
        end = end if begin < 0 else begin + len(token)
    return _filled(spans, len(text))


def _filled(spans: Sequence[Span | None], length: int) -> list[Span]:
    """Gives what was not found the gap that it must be in."""
    ends, end = [], 0
    for span in spans:
        ends.append(end)
        end = span[1] if span not in {None, NOWHERE} else end
    filled: list[Span] = []
    begin = length
    for span, end in zip(reversed(spans), reversed(ends), strict=True):
        filled.append((end, begin) if span is None else span)
        begin = span[0] if span not in {None, NOWHERE} else begin
    return filled[::-1]
