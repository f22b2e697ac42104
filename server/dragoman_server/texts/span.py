"""A part of a text.

Knows positions alone.
"""

from typing import NamedTuple


class Span(NamedTuple):
    """From `begin` to before `end`, in code points."""

    begin: int
    end: int


def stripped(text: str, begin: int, end: int) -> Span:
    """Returns the part of `text` without white space at its ends; empty where there is no more."""
    part = text[begin:end]
    bare = part.strip()
    begin += len(part) - len(part.lstrip()) if bare else 0
    return Span(begin, begin + len(bare))
