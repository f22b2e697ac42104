"""What stands in a message, taken apart: texts to be translated, and what stays around them.

Knows white space and letters. Does not know formats.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

from dragoman.documents.document import Edit, Message
from dragoman.documents.message_lines import on_one_line
from dragoman.documents.part import Code, Encode, Part, Text

_SPACE = re.compile(r"\s+")
_ENTITY = r"&(?:nbsp|[#]160|[#][xX][aA]0|ensp|emsp|thinsp);"
_LEADING = re.compile(rf"(?:\s|{_ENTITY})*")
_TRAILING = re.compile(rf"(?:\s|{_ENTITY})\Z")
_LINE_BREAKS = re.compile(r"(\s*\n\s*)")


def flowing(raw: str, decode: Callable[[str], str] = str) -> Iterator[Part]:
    """Yields the parts of text in which any white space is one space, as in HTML.

    White space at its ends, and what has no letters in it, stays as it is.
    """
    begin, end = without_space(raw)
    text = _SPACE.sub(" ", decode(raw[begin:end])).strip()
    if not has_letters(text):
        if raw:
            yield Code(raw, _SPACE.sub(" ", decode(raw)))
        return
    if begin:
        yield Code(raw[:begin], " ")
    yield Text(raw[begin:end], text)
    if end < len(raw):
        yield Code(raw[end:], " ")


def without_space(raw: str) -> tuple[int, int]:
    """Returns where what is between white space begins and ends; entities may be white space."""
    leading = _LEADING.match(raw)
    assert leading is not None
    end = len(raw)
    while end > leading.end() and (trailing := _TRAILING.search(raw, max(0, end - 8), end)):
        end = trailing.start()
    return leading.end(), max(end, leading.end())


def lines(raw: str, decode: Callable[[str], str] = str) -> tuple[Part, ...]:
    """Returns the parts of text in which line breaks mean something: each line is translated.

    But a plural or select of ICU is one text, on however many lines it is written.
    """
    if decode is str and (message := on_one_line(raw)):
        return (message,)
    return tuple(
        part
        for number, piece in enumerate(_LINE_BREAKS.split(raw))
        for part in ([Code(piece)] if number % 2 else flowing(piece, decode))
    )


def spanning(
    name: str, begin: int, parts: Sequence[Part], line_of: "Lines", encode: Encode
) -> Message | None:
    """Returns the message of parts that stand in the file from `begin` on, in their own place.

    White space at its ends is no part of it; None where there is no text.
    """
    if not has_texts(parts):
        return None
    at = [index for index, part in enumerate(parts) if not is_space(part)]
    begin += sum(len(part.raw) for part in parts[: at[0]])
    inner = tuple(parts[at[0] : at[-1] + 1])
    raw = "".join(part.raw for part in inner)

    def place(written: str) -> list[Edit]:
        return [Edit(begin, begin + len(raw), written)] if written != raw else []

    return Message(name, line_of.at(begin), inner, encode, place, is_html=True)


def is_space(part: Part) -> bool:
    """Whether it is white space and nothing else."""
    return isinstance(part, Code) and part.text is not None and not part.text.strip()


def has_texts(parts: Sequence[Part]) -> bool:
    """Whether there is anything to be translated."""
    return any(isinstance(part, Text) for part in parts)


def has_letters(text: str) -> bool:
    """Whether there is a letter, of any script: what has none says the same in all languages."""
    return any(map(str.isalpha, text))


class Lines:
    """Which line a place of a file is on."""

    def __init__(self, content: str) -> None:
        self._ends = [match.start() for match in re.finditer("\n", content)]

    def at(self, position: int) -> int:
        """Returns the number of the line, from 1."""
        return bisect_right(self._ends, position - 1) + 1
