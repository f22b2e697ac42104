"""Messages of Markdown: paragraphs, headings, items and cells of tables.

CommonMark with GitHub's tables and strikethrough. Code, HTML, front matter, link targets and the
structure of tables stay. Knows where blocks stand; what is in them, markdown_inline.py knows.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from markdown_it.token import Token

from dragoman.documents.document import Document, Edit, Message, Place
from dragoman.documents.markdown_inline import InlineParser, decoded, encoded, encoded_in_cell
from dragoman.documents.part import Code, Part, PlacementError, Text
from dragoman.documents.parts import Lines, has_letters, spanning, without_space

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n|\Z)")
_FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*\r?\n(?:.*?\r?\n)??\1[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_HEADING = re.compile(r"#{1,6}[ \t]+")
_DELIMITERS = re.compile(r"^[ \t>]*(?=[^\r\n|]*\|)[-:| \t]+\r?$", re.MULTILINE)
_MARKS = re.compile(r"(?:\r\n?|\n)[ \t>]*")
_SPACE = re.compile(r"\s+")


def parse(content: str) -> Document:
    """Finds the messages."""
    start = int(content.startswith("\ufeff"))
    if front := _FRONT_MATTER.match(content, start):
        start = front.end()
    parser = InlineParser()
    places = _Places(content, start)
    line_of = Lines(content)
    messages = []
    for name, token in _inline_tokens(parser.blocks(content[start:])):
        in_cell = name in {"td", "th"}
        positions = places.of_cell(token) if in_cell else places.of_lines(token)
        if positions:
            parts = _parts(content, token.content, positions, parser.codes(token.content))
            encode = encoded_in_cell if in_cell else encoded
            if message := spanning(name, positions[0], parts, line_of, encode):
                block = content[positions[0] : positions[-1] + 1]
                messages.append(replace(message, place=_checked(message, block, parser)))
    return Document(content, tuple(messages))


def _inline_tokens(tokens: Sequence[Token]) -> Iterator[tuple[str, Token]]:
    """Yields what has text, with the name of what it is in."""
    for before, token in pairwise(tokens):
        if token.type == "inline":
            yield before.tag, token


def _checked(message: Message, block: str, parser: InlineParser) -> Place:
    """Returns how a message is placed where its block stays what it is; else it is not placed."""

    def place(written: str) -> list[Edit]:
        edits = message.place(written)
        if edits and _DELIMITERS.search(block):  # one more | or one less, and it is a table
            raise PlacementError
        raw = "".join(part.raw for part in message.parts)
        changed = block.replace(raw, written, 1)
        if edits and parser.structure(_lines(changed)) != parser.structure(_lines(block)):
            raise PlacementError
        return edits

    return place


def _lines(block: str) -> str:
    """Returns a block without the marks of what it stands in."""
    return _MARKS.sub("\n", block)


class _Places:
    """Where the characters of a block's content stand in the file."""

    def __init__(self, content: str, start: int) -> None:
        self._lines = [
            (match.start(), match[0].rstrip("\r\n")) for match in _LINE.finditer(content, start)
        ]
        self._row = -1
        self._cell_end = 0

    def of_lines(self, token: Token) -> list[int]:
        """Returns the place of each character; nothing where the lines say something else."""
        assert token.map is not None
        positions: list[int] = []
        for number, text in enumerate(token.content.split("\n"), start=token.map[0]):
            begin, line = self._lines[number]
            bare = text.strip()
            column = len(line.rstrip()) - len(bare)
            if not line.rstrip().endswith(bare):
                marks = _HEADING.search(line)
                column = line.find(bare, marks.end() if marks else 0)
            if column < 0:
                return []
            first = begin + column - (len(text) - len(text.lstrip()))
            positions += range(first, first + len(text) + 1)
        return positions[:-1]

    def of_cell(self, token: Token) -> list[int]:
        r"""Returns the place of each character of a cell, in which \| stands for |."""
        assert token.map is not None
        begin, line = self._lines[token.map[0]]
        if token.map[0] != self._row:
            self._row, self._cell_end = token.map[0], 0
        pattern = re.escape(token.content).replace(r"\|", r"\\?\|")
        cell = re.compile(pattern).search(line, self._cell_end)
        if cell is None:
            return []
        self._cell_end = cell.end()
        escapes = {match.start() for match in re.finditer(r"\\\|", cell[0])}
        return [begin + cell.start() + i for i in range(len(cell[0])) if i not in escapes]


def _parts(
    content: str, text: str, positions: list[int], codes: list[tuple[int, int]]
) -> list[Part]:
    """Returns the parts of a block, given where in its text code is."""
    places = [*positions, positions[-1] + 1]
    parts: list[Part] = []
    reached = 0
    for begin, end in [*codes, (len(text), len(text))]:
        parts += _run(content, text, places, reached, begin)
        parts += [Code(content[places[begin] : places[end]])] if begin < end else []
        reached = end
    return parts


def _run(content: str, text: str, places: list[int], begin: int, end: int) -> Iterator[Part]:
    """Yields the parts of text without code, given where its characters are in the file."""
    first, last = without_space(text[begin:end])
    words = _SPACE.sub(" ", decoded(text[begin + first : begin + last]))
    if not has_letters(words):
        if begin < end:
            yield Code(
                content[places[begin] : places[end]], _SPACE.sub(" ", decoded(text[begin:end]))
            )
        return
    start, stop = places[begin + first], places[begin + last - 1] + 1
    if first:
        yield Code(content[places[begin] : start], " ")
    yield Text(content[start:stop], words)
    if begin + last < end:
        yield Code(content[stop : places[end]], " ")
