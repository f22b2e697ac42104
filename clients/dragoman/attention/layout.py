"""Sizes that both kinds of pictures share: letters, and tokens cut to what has room."""

from collections.abc import Iterable

from dragoman.attention.views import shown

INCHES = 0.21
"""Of a token's line."""

LETTER_SIZE = 9
"""In points."""

LETTER_INCHES = 0.083
"""Of a letter of that size, roughly."""

WIDE = 0x0900
"""From here on letters are up to twice as wide: those of India, China, Japan, Korea, emoji; and the
boxes that stand for what no font has."""

SPACE_MARK = "▁"
"""Sentencepiece's, an ordinary letter's width."""

MOST_LETTERS = 16
"""Of a token; what is longer ends with an ellipsis."""


def label(token: str) -> str:
    """Returns a token as it has room in a picture."""
    token = shown(token)
    return token if len(token) <= MOST_LETTERS else f"{token[: MOST_LETTERS - 1]}…"


def width(labels: Iterable[str]) -> float:
    """Returns about how many inches the longest of them takes."""
    return LETTER_INCHES * max((sum(map(_columns, each)) for each in labels), default=0)


def _columns(letter: str) -> int:
    return 2 if ord(letter) >= WIDE and letter != SPACE_MARK else 1
