"""Subtitles as messages: what several formats of them have in common.

A cue is translated as a whole and written on as many lines as it had or fewer; where each line is
another speaker's, line by line. Does not know how cues are told apart.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from dragoman.documents.document import Document, DocumentError, Edit, Message
from dragoman.documents.part import Code, Encode, Part
from dragoman.documents.parts import flowing, has_texts
from dragoman.documents.wrapping import wrapped

ARROW = "-->"
"""Between the times at which a cue comes and goes."""

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_SPEAKER = re.compile(r"[-\u2010-\u2015]\s*(?=\S)")


class Line(NamedTuple):
    """A line of the file."""

    text: str
    """Without its end."""

    begin: int
    number: int

    @property
    def end(self) -> int:
        """Where its text ends."""
        return self.begin + len(self.text)

    @property
    def is_blank(self) -> bool:
        """Whether nothing is seen of it."""
        return not self.text.strip()


class Cue(NamedTuple):
    """Lines that are shown together, with no empty line between."""

    name: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Syntax:
    """What there is in a cue beside words."""

    tag: re.Pattern[str]
    """A tag, as its only group."""

    decode: Encode
    encode: Encode


def lines_of(content: str) -> list[Line]:
    """Cuts a file into lines."""
    return [
        Line(match[0].removesuffix("\n").removesuffix("\r"), match.start(), number)
        for number, match in enumerate(_LINE.finditer(content), start=1)
    ]


def paragraphs(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yields lines that have no empty one between."""
    paragraph: list[Line] = []
    for line in lines:
        if not line.is_blank:
            paragraph.append(line)
        elif paragraph:
            yield paragraph
            paragraph = []
    if paragraph:
        yield paragraph


def is_time(line: Line, time: re.Pattern[str]) -> bool:
    """Whether it says when a cue is shown; raises DocumentError where it says it wrongly."""
    if ARROW not in line.text:
        return False
    if not time.match(line.text):
        raise DocumentError(f"has {ARROW}, but not between two times", line.number)
    return True


def document(content: str, cues: Iterator[Cue], syntax: Syntax) -> Document:
    """Returns the document of a file, given its cues."""
    messages = (message for cue in cues for message in _messages(content, cue, syntax))
    return Document(content, tuple(each for each in messages if has_texts(each.parts)))


def _messages(content: str, cue: Cue, syntax: Syntax) -> Iterator[Message]:
    """Yields a cue; or each of its lines, where each is another speaker's."""
    if len(cue.lines) > 1 and all(_speech(line, syntax) for line in cue.lines):
        for line in cue.lines:
            dash = _speech(line, syntax)
            yield _message(content, Cue(cue.name, [line]), syntax, dash)
    else:
        yield _message(content, cue, syntax, "")


def _message(content: str, cue: Cue, syntax: Syntax, dash: str) -> Message:
    begin, end = cue.lines[0].begin, cue.lines[-1].end
    raw = content[begin:end]
    line_end = "\r\n" if "\r\n" in raw else "\n"

    def place(text: str) -> list[Edit]:
        if text == raw:
            return []
        wide = wrapped(text, syntax.tag, most_lines=len(cue.lines), line_end=line_end)
        return [Edit(begin, end, wide)]

    parts = tuple(_parts(raw, syntax, dash))
    return Message(cue.name, cue.lines[0].number, parts, syntax.encode, place, is_html=True)


def _parts(raw: str, syntax: Syntax, dash: str) -> Iterator[Part]:
    """Yields the parts of a cue; the dash that it begins with is none of its words."""
    for number, piece in enumerate(syntax.tag.split(raw)):
        words = piece
        if number % 2:
            yield Code(piece)
            continue
        if dash and piece.lstrip().startswith(dash):
            at = piece.index(dash) + len(dash)
            yield Code(piece[:at])
            words, dash = piece[at:], ""
        yield from flowing(words, syntax.decode)


def _speech(line: Line, syntax: Syntax) -> str:
    """Returns the dash that a line begins with; empty where it begins with none."""
    match = _SPEAKER.match(syntax.tag.sub("", line.text).strip())
    return match[0].strip() if match else ""
