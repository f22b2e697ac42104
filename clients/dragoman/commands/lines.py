r"""Lines of text in and out of byte streams: one line in, one line out.

Knows that only \n ends a line: the other characters that Unicode counts as line breaks (U+2028,
U+0085, form feed) occur inside of sentences, and splitting there would shift all lines below.
"""

from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple


class Line(NamedTuple):
    """One line of the input, its end removed."""

    text: str
    """Empty where it is not valid UTF-8."""

    problem: str = ""
    """Why it cannot be translated; empty where it can."""


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    r"""Yields each line without its end; a last line may lack it.

    A \r before the end and a byte order mark at the start of the file are no part of a line.
    """
    for number, line in enumerate(stream):
        content = line.removesuffix(b"\n").removesuffix(b"\r")
        yield decode_line(content.removeprefix(b"\xef\xbb\xbf") if number == 0 else content)


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


def count_lines(stream: BinaryIO) -> int:
    """Counts the lines from here to the end, and goes back to where it was."""
    start = stream.tell()
    count = 0
    last = b"\n"
    while block := stream.read(1 << 20):
        count += block.count(b"\n")
        last = block[-1:]
    stream.seek(start)
    return count + (last != b"\n")


def shorten(numbers: Iterable[int], most: int = 10) -> str:
    """Writes line numbers as a list, a long one cut: "3, 17, 20 and 100 more"."""
    ordered = list(numbers)
    listed = ", ".join(f"{number:,}" for number in ordered[:most])
    return f"{listed} and {len(ordered) - most:,} more" if len(ordered) > most else listed
