r"""Lines of text in and out of byte streams: one line in, one line out.

Knows that only \n ends a line: the other characters that Unicode counts as line breaks (U+2028,
U+0085, form feed) occur inside of sentences, and splitting there would shift all lines below.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

from dragoman.texts import MAX_TEXT_BYTES

MAX_LINE_BYTES = MAX_TEXT_BYTES + 16
"""Of a line with its end and a byte order mark: what is longer is no text that can be sent."""


class Line(NamedTuple):
    """One line of the input, its end removed."""

    text: str
    """Empty where it is not valid UTF-8, or far too long."""

    problem: str = ""
    """Why it cannot be translated; empty where it can."""


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    r"""Yields each line without its end; a last line may lack it.

    A \r before the end and a byte order mark at the start of the file are no part of a line. Of a
    line that is far too long no more is held than of others.
    """
    first = True
    while line := stream.readline(MAX_LINE_BYTES):
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            _skip_line(stream)
            yield Line("", f"has more than {MAX_TEXT_BYTES:,} bytes")
        else:
            content = line.removesuffix(b"\n").removesuffix(b"\r")
            yield decode_line(content.removeprefix(b"\xef\xbb\xbf") if first else content)
        first = False


def decode_line(content: bytes) -> Line:
    """Decodes a line; one that is not UTF-8 says so instead of raising."""
    try:
        return Line(content.decode())
    except UnicodeDecodeError as error:
        byte = content[error.start]
        return Line("", f"is not valid UTF-8: byte 0x{byte:02x} at position {error.start}")


def encode_line(text: str) -> bytes:
    """Returns a text as exactly one line: line breaks in it become spaces."""
    return text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ").encode() + b"\n"


class LineNames:
    """What lines are called, by their number from 1."""

    noun = "lines"

    def one(self, number: int) -> str:
        """Returns the name of a line."""
        return f"line {number:,}"

    def many(self, numbers: Iterable[int]) -> str:
        """Returns the names of some lines."""
        return f"lines {shortened([f'{number:,}' for number in numbers])}"


def shortened(names: Sequence[str], most: int = 10) -> str:
    """Writes a list, a long one cut: "3, 17, 20 and 100 more"."""
    listed = ", ".join(names[:most])
    return f"{listed} and {len(names) - most:,} more" if len(names) > most else listed


def _skip_line(stream: BinaryIO) -> None:
    """Reads to the end of the line."""
    while (rest := stream.readline(1 << 20)) and not rest.endswith(b"\n"):
        pass
