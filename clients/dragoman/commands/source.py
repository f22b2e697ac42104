"""Where lines come from: texts of the command line, a file, or standard input.

Knows files, and what tells an input from another. Does not know what is done with the lines.
"""

import codecs
import hashlib
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

from dragoman.commands.errors import CommandError
from dragoman.commands.lines import Line, decode_line, read_lines

STANDARD = Path("-")
"""Stands for standard input, or output."""

_OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


class Source(NamedTuple):
    """Lines, and what is known of them beforehand."""

    lines: Iterator[Line]
    total: int | None
    """How many there are; None where only reading tells."""

    identity: dict[str, object] | None
    """What tells them from others, as JSON has it; None where only reading tells."""


def open_source(texts: Sequence[str], path: Path | None, stack: ExitStack) -> Source:
    """Opens what the command line names; the stack closes it.

    Raises:
        CommandError: It is no text in UTF-8, or standard input is closed.
        OSError: It cannot be read.
    """
    if texts:
        digest = hashlib.sha256("\n".join(texts).encode(errors="surrogatepass")).digest()
        return Source((Line(text) for text in texts), len(texts), _identity(len(texts), digest))
    if path is not None and path != STANDARD:
        return _of_stream(stack.enter_context(path.open("rb")), str(path))
    if sys.stdin is None:
        raise CommandError("standard input is closed: give TEXT or --input FILE")
    if sys.stdin.isatty():
        print("reading from the terminal, one text a line; Ctrl-D ends", file=sys.stderr)
    # Not sys.stdin: a thread that waits in it when the program ends would be a fatal error.
    return _of_stream(open(sys.stdin.fileno(), "rb", closefd=False), "standard input")


class Document(NamedTuple):
    """A text as a whole."""

    text: str
    identity: dict[str, object]
    """What tells it from others, as JSON has it."""


def read_document(path: Path | None) -> Document:
    """Reads all of a file, or of standard input.

    Raises:
        CommandError: It is no text in UTF-8, or standard input is closed.
        OSError: It cannot be read.
    """
    if path is not None and path != STANDARD:
        name, content = str(path), path.read_bytes()
    elif sys.stdin is None:
        raise CommandError("standard input is closed: give --input FILE")
    else:
        name, content = "standard input", sys.stdin.buffer.read()
    _check_encoding(content[:4], name)
    line = decode_line(content)
    if line.problem:
        raise CommandError(f"{name} {line.problem}")
    return Document(line.text, _identity(content.count(b"\n"), hashlib.sha256(content).digest()))


def _of_stream(stream: BinaryIO, name: str) -> Source:
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        return Source(read_lines(stream), None, None)
    start = stream.tell()
    _check_encoding(stream.read(4), name)
    stream.seek(start)
    count, digest = _survey(stream)
    stream.seek(start)
    return Source(read_lines(stream), count, _identity(count, digest))


def _check_encoding(beginning: bytes, name: str) -> None:
    for mark, encoding in _OTHER_ENCODINGS.items():
        if beginning.startswith(mark):
            raise CommandError(
                f"{name} is in {encoding}, not in UTF-8: `iconv -f {encoding} -t UTF-8` converts it"
            )


def _survey(stream: BinaryIO) -> tuple[int, bytes]:
    """Returns how many lines there are from here to the end, and a digest of them."""
    digest = hashlib.sha256()
    count = 0
    last = b"\n"
    while block := stream.read(1 << 20):
        digest.update(block)
        count += block.count(b"\n")
        last = block[-1:]
    return count + (last != b"\n"), digest.digest()


def _identity(lines: int, digest: bytes) -> dict[str, object]:
    return {"lines": lines, "sha256": digest.hex()}
