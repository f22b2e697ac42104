"""A document in parts that a server takes one by one, and what stands between them.

A part is a paragraph, or where that is too long some lines of it, some sentences, some words. Knows
characters. Does not know files, nor what becomes of the parts.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

PARAGRAPH = re.compile(r"\S(?:[^\n\r]|(?:\r\n|\n|\r)(?![^\S\n\r]*(?:[\n\r]|\Z)))*")
"""From a first letter to before a blank line."""

LINE_END = re.compile(r"[\n\r]+")
SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]]*\s|[。！？｡।॥؟።။][」』”’）]*")  # noqa: RUF001
SPACE = re.compile(r"\s")
WHITE_SPACE = re.compile(r"\s+")
BYTE_ORDER_MARK = "\ufeff"
MARK = re.compile(r"\W")
"""Of a text without a space: a part may end at what is no letter."""


class Part(NamedTuple):
    """Of a document."""

    before: str
    """What the document has before it, and after the part before it: white space."""
    text: str
    """What is translated; begins and ends with something else. Empty where a document ends with
    white space, which is a last part of its own."""
    line: int
    """That it begins in, from 1."""


def parts_of(document: str, most: int) -> Iterator[Part]:
    """Yields the parts of a document, each of at most `most` code points, with all between them.

    A part ends within a word only where the document has so many letters in a row.
    """
    end, line = 0, 1
    for begin, last in _paragraphs(document):
        for first, text in _cut(document[begin:last], most):
            before = document[end : begin + first]
            line += _breaks(before)
            yield Part(before, text, line)
            line += _breaks(text)
            end = begin + first + len(text)
    if end < len(document):
        rest = document[end:]
        yield Part(rest, "", line + _breaks(rest))


def _paragraphs(document: str) -> Iterator[tuple[int, int]]:
    for found in PARAGRAPH.finditer(document, document.startswith(BYTE_ORDER_MARK)):
        yield found.span()


def _cut(paragraph: str, most: int) -> Iterator[tuple[int, str]]:
    """Yields where each part of a paragraph begins, and the part."""
    begin = 0
    while begin < len(paragraph):
        end = len(paragraph) if begin + most >= len(paragraph) else _end(paragraph, begin, most)
        text = paragraph[begin:end].rstrip()
        yield begin, text
        begin = _after_space(paragraph, end)


def _end(paragraph: str, begin: int, most: int) -> int:
    """Returns where a part of at most so many code points ends."""
    for pattern in (LINE_END, SENTENCE_END, SPACE, MARK):
        ends = [found.end() for found in pattern.finditer(paragraph, begin + 1, begin + most)]
        if ends:
            return ends[-1]
    return begin + most


def _after_space(text: str, at: int) -> int:
    found = WHITE_SPACE.match(text, at)
    return at if found is None else found.end()


def _breaks(text: str) -> int:
    return text.count("\n") + text.replace("\r\n", "\n").count("\r")
