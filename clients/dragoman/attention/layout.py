"""Sizes that both kinds of pictures share: letters, and tokens cut to what has room."""

import unicodedata
from collections.abc import Iterable

from dragoman.attention.views import shown

INCHES = 0.21
"""Of a token's line."""

LETTER_SIZE = 9
"""In points."""

LETTER_INCHES = 0.083
"""Of a letter of that size, roughly; Chinese, Japanese and Korean ones are twice as wide."""

MOST_LETTERS = 16
"""Of a token; what is longer ends with an ellipsis."""

WIDE = {"W", "F"}


def label(token: str) -> str:
    """Returns a token as it has room in a picture."""
    token = shown(token)
    return token if len(token) <= MOST_LETTERS else f"{token[: MOST_LETTERS - 1]}…"


def width(labels: Iterable[str]) -> float:
    """Returns about how many inches the longest of them takes."""
    return LETTER_INCHES * max((sum(map(_columns, each)) for each in labels), default=0)


def _columns(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter) in WIDE else 1
