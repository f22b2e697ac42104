"""Files cut into shards: runs of whole lines, the same ones at every cut.

Knows bytes and where lines end. Does not know what is done with a line.
"""

import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from dragoman.commands.lines import Line, read_lines
from dragoman.corpora.errors import JobError
from dragoman.corpora.storage.inputs import Input
from dragoman.texts import MAX_TEXT_BYTES

BLOCK = 1 << 20
"""Bytes that are read at a time."""


class Cut(NamedTuple):
    """How large a shard may be."""

    lines: int = 2000
    """Most lines."""

    size: int = 1 << 20
    """Most bytes; a line that is longer is a shard of its own."""


class Shard(NamedTuple):
    """A run of whole lines of one file."""

    number: int
    """Among all shards of the job, from 0."""

    path: str
    """The file."""

    offset: int
    """Bytes of the file before it."""

    size: int
    """Its bytes."""

    first_line: int
    """Number of its first line in the file, from 1."""

    lines: int
    """Its lines."""

    crc: int
    """CRC-32 of its bytes, so that a file that was changed meanwhile is noticed."""

    def __str__(self) -> str:
        return f"{self.path} lines {self.first_line:,} to {self.first_line + self.lines - 1:,}"


class CutFile(NamedTuple):
    """A file and its shards."""

    name: str
    size: int
    """In bytes."""

    lines: int
    sha256: str
    shards: list[Shard]


def cut_files(inputs: Iterable[Input], cut: Cut) -> list[CutFile]:
    """Cuts files into shards, numbered through. Reads each file twice, a block at a time.

    Raises:
        OSError: A file cannot be read.
    """
    files: list[CutFile] = []
    number = 0
    for path, name in inputs:
        with path.open("rb") as stream:
            files.append(_cut_file(path, name, stream, cut, number))
        number += len(files[-1].shards)
    return files


def read_shard(shard: Shard) -> Iterator[Line]:
    """Yields the lines of a shard, as lines.py of the client has them.

    Raises:
        JobError: The file is no longer what it was when it was cut.
        OSError: It cannot be read.
    """
    if shard.size > MAX_TEXT_BYTES + len("\r\n"):
        assert shard.lines == 1
        return iter([Line("", f"has {shard.size:,} bytes; allowed: at most {MAX_TEXT_BYTES:,}")])
    with Path(shard.path).open("rb") as stream:
        stream.seek(shard.offset)
        content = stream.read(shard.size)
    if zlib.crc32(content) != shard.crc:
        raise JobError(f"{shard} were changed since the job began: start it again")
    if shard.offset == 0:
        return read_lines(io.BytesIO(content))
    # A byte order mark counts at the start of the file alone: a line before says where we are.
    return islice(read_lines(io.BytesIO(b"\n" + content)), 1, None)


def _cut_file(path: Path, name: str, stream: BinaryIO, cut: Cut, number: int) -> CutFile:
    runs = list(_runs(_line_sizes(stream), cut))
    stream.seek(0)
    digest = hashlib.sha256()
    shards: list[Shard] = []
    offset = line = 0
    for lines, size in runs:
        crc = 0
        for block in _blocks(stream, size):
            digest.update(block)
            crc = zlib.crc32(block, crc)
        shards.append(Shard(number + len(shards), str(path), offset, size, line + 1, lines, crc))
        offset += size
        line += lines
    return CutFile(name, offset, line, digest.hexdigest(), shards)


def _runs(line_sizes: Iterable[int], cut: Cut) -> Iterator[tuple[int, int]]:
    """Yields lines and bytes of each shard."""
    lines = size = 0
    for line_size in line_sizes:
        if lines == cut.lines or (lines and size + line_size > cut.size):
            yield lines, size
            lines = size = 0
        lines += 1
        size += line_size
    if lines:
        yield lines, size


def _line_sizes(stream: BinaryIO) -> Iterator[int]:
    r"""Yields the bytes of each line, its \n counted; the last one may lack it."""
    size = 0
    while piece := stream.readline(BLOCK):
        size += len(piece)
        if piece.endswith(b"\n"):
            yield size
            size = 0
    if size:
        yield size


def _blocks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    while size and (block := stream.read(min(size, BLOCK))):
        size -= len(block)
        yield block
