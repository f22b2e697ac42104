"""The lines of a text, and which of them go on in the next.

What begins a line and is no part of its sentences, indentation and list markers, is left out. A
line ends a sentence, as in lists, poems and subtitles, but where prose was wrapped at a width.
Knows characters. Does not know sentences.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from dragoman_server.texts.span import Span, stripped

MARKER = re.compile(r"(?:(?:[-*+>#•‣⁃◦▪●○·–—]{1,6}|\(?(?:\d{1,3}|[a-zA-Z])\)|\d{1,3}\.)\s+){1,3}")  # noqa: RUF001
"""What begins an item of a list, a heading, what is quoted in a mail, what somebody says."""

OWN_MARKER = re.compile(r"\s*(?:[-*+>#•‣⁃◦▪●○·–—]{1,6}|\(?(?:\d{1,3}|[a-zA-Z])\))\s+\S")  # noqa: RUF001
"""What begins an item though it is a text's only line. A number with a dot may be an ordinal there:
in German, `3. Oktober` begins a sentence."""

LINE = re.compile(r"[^\n\r]+")
BREAKS = ("\n", "\r", "\r\n")
"""What ends a line. Others that Unicode has, such as U+2028 and form feeds, occur in sentences."""

LEAST_WIDTH = 40
"""Code points of the longest line of prose that was wrapped: lines of verses, lists and subtitles
are shorter."""

ENDS = tuple(".!?…:;。！？।॥؟۔։።」』”\"'»)")  # noqa: RUF001
"""What a line ends with, where no sentence goes on in the next."""


class _Line(NamedTuple):
    content: Span
    width: int
    """Code points, its indentation counted."""
    is_marked: bool
    """Whether a list marker begins it."""


def stretches(text: str) -> Iterator[Span]:
    """Yields what may hold sentences, in order: a line, or lines of wrapped prose.

    White space, blank lines and list markers are between them.
    """
    paragraph: list[_Line] = []
    before = 0
    for found in LINE.finditer(text):
        line = _line(text, *found.span())
        is_next = text[before : found.start()] in BREAKS
        if line is None or line.is_marked or not is_next:
            yield from _joined(text, paragraph)
            paragraph.clear()
        if line is not None:
            paragraph.append(line)
        before = found.end()
    yield from _joined(text, paragraph)


def has_lines(text: str) -> bool:
    """Whether a text has more than one line; a line break at its ends makes none."""
    return ("\n" in text or "\r" in text) and any(each in text.strip() for each in BREAKS)


def has_marker(text: str) -> bool:
    """Whether a text begins as an item of a list does; may not be empty."""
    return (not text[0].isalpha() or text[1:2] == ")") and OWN_MARKER.match(text) is not None


def one_line(text: str) -> str:
    """Returns a text with spaces for line breaks, one for each of their code points."""
    return text.replace("\n", " ").replace("\r", " ")


def _line(text: str, begin: int, end: int) -> _Line | None:
    """Returns the line that is there; None where it is blank."""
    content = stripped(text, begin, end)
    if content.begin == content.end:
        return None
    marker = MARKER.match(text, content.begin, content.end)
    first = content.begin if marker is None else marker.end()
    return _Line(Span(first, content.end), content.end - begin, marker is not None)


def _joined(text: str, paragraph: list[_Line]) -> Iterator[Span]:
    if len(paragraph) > 1 and _is_wrapped(text, paragraph):
        yield Span(paragraph[0].content.begin, paragraph[-1].content.end)
    else:
        yield from [line.content for line in paragraph]


def _is_wrapped(text: str, lines: list[_Line]) -> bool:
    """Whether the lines are prose that was wrapped at a width.

    Then no line had room for the next one's first word, and at least one goes on with a small
    letter in the next.
    """
    width = max(line.width for line in lines)
    if width < LEAST_WIDTH:
        return False
    goes_on = False
    for line, following in pairwise(lines):
        begin, end = following.content
        word = text[begin : min(end, begin + width)].split(maxsplit=1)[0]
        if line.width + 1 + len(word) <= width:
            return False
        goes_on = goes_on or (text[begin].islower() and text[line.content.end - 1] not in ENDS)
    return goes_on
