"""The sentences of a text, by sentencex, whose door this is.

Knows what sentencex leaves to be done: its time is bounded, lines end sentences, and what has dots
and no spaces, such as an address, stays whole. Does not know tokens.
"""

import unicodedata
from collections.abc import Iterator

from sentencex import get_sentence_boundaries

from dragoman_server.texts.lines import one_line, stretches
from dragoman_server.texts.span import Span, stripped

WINDOW = 1024
"""Code points that sentencex sees at a time: of many quotation marks, and of sentences without
spaces between them, it takes time for the square of their number."""

JOINERS = frozenset("\u200d\ufe0e\ufe0f\u20e3\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
"""What makes one emoji of several, or another of one."""


def is_sentence(text: str, language: str) -> bool:
    """Whether a text of one line is one sentence, as far as a quick look tells."""
    return len(text) <= WINDOW and len(get_sentence_boundaries(language, text)) == 1


def sentences(text: str, language: str) -> Iterator[Span]:
    """Yields where the sentences of a text are, in order, without white space at their ends.

    Between them are white space, list markers, emoji, and what has neither letters nor digits, such
    as a rule of dashes. A sentence of prose that was wrapped at a width has line breaks in it.

    Args:
        text: Of any length; the time that it takes is linear in it.
        language: Its code, such as "de"; of an unknown one, the rules of English hold.
    """
    for stretch in stretches(text):
        begin = stretch.begin
        for end in _ends(text[stretch.begin : stretch.end], language):
            span = _without_pictures(text, stripped(text, begin, stretch.begin + end))
            begin = stretch.begin + end
            if has_words(text, span):
                yield span


def _without_pictures(text: str, span: Span) -> Span:
    """Leaves out emoji and the like at a sentence's ends: a model that knows none invents words."""
    begin, end = span
    while begin < end and _is_picture(text[begin]):
        begin += 1
    while begin < end and _is_picture(text[end - 1]):
        end -= 1
    return Span(begin, end)


def _is_picture(character: str) -> bool:
    if character.isascii():
        return character == " "
    return unicodedata.category(character) == "So" or character in JOINERS or character.isspace()


def has_words(text: str, span: Span) -> bool:
    """Whether there is a letter or digit in that part of a text."""
    return any(map(str.isalnum, text[span.begin : span.end]))


def _ends(line: str, language: str) -> Iterator[int]:
    """Yields where the sentences of a line end, the last with it."""
    line, begin = one_line(line), 0
    while begin + WINDOW < len(line):
        seen = line[begin : begin + WINDOW]
        *ends, _ = _boundaries(seen, language)  # the last sentence may go on
        for end in ends:
            if _is_end(line, begin + end):
                yield begin + end
        begin += ends[-1] if ends else (seen.rfind(" ") + 1 or WINDOW)
    for end in _boundaries(line[begin:], language)[:-1]:
        if _is_end(line, begin + end):
            yield begin + end
    yield len(line)


def _boundaries(line: str, language: str) -> list[int]:
    return [each["end_index"] for each in get_sentence_boundaries(language, line)]


def _is_end(line: str, end: int) -> bool:
    """Whether a sentence may end there: in `www.Example.Com` none does."""
    before = line[end - 1]
    return before.isspace() or line[end].isspace() or not before.isascii()
