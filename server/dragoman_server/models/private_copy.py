"""Lets what is mapped of a file show a private copy, whatever becomes of the file.

onnxruntime maps a bundle's weights. A file that is overwritten changes under whoever reads it so,
and one that is truncated ends the process. Copied is what is still mapped once the graphs are
loaded, each part once however often it is mapped. Knows files and this process's memory; does not
know what is in either.
"""

import ctypes
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_CHUNK_BYTES = 1 << 20
_MAP_FIXED = 0x10
"""Of Linux; the mmap module has no name for it."""
_FAILED = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int64,
]


class Mapping(NamedTuple):
    """A part of a file in this process's memory."""

    address: int
    length: int
    offset: int
    """In the file."""


def detach(file: Path) -> int:
    """Copies what is mapped of a file and maps the copy in its place; returns the bytes mapped.

    Raises:
        OSError: The file cannot be read, has become shorter, or there is no memory for the copy.
    """
    mappings = list(mappings_of(file))
    if not mappings:
        return 0
    copy = os.memfd_create(file.name, os.MFD_CLOEXEC)
    try:
        _fill(copy, file, {(mapping.offset, mapping.length) for mapping in mappings})
        for mapping in mappings:
            _map(copy, mapping)
    finally:
        os.close(copy)
    return sum(mapping.length for mapping in mappings)


def mappings_of(file: Path) -> Iterator[Mapping]:
    """Yields what this process has mapped of a file."""
    resolved = str(file.resolve())
    for line in Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines():
        addresses, _, offset, _, _, *name = line.split(maxsplit=5)
        if name and name[0].removesuffix(" (deleted)") == resolved:
            start, end = (int(address, 16) for address in addresses.split("-"))
            yield Mapping(start, end - start, int(offset, 16))


def _fill(copy: int, file: Path, parts: set[tuple[int, int]]) -> None:
    with file.open("rb", buffering=0) as source:
        size = os.fstat(source.fileno()).st_size
        os.ftruncate(copy, size)
        for offset, length in parts:
            end = min(offset + length, size)
            for place in range(offset, end, _CHUNK_BYTES):
                chunk = os.pread(source.fileno(), min(_CHUNK_BYTES, end - place), place)
                os.pwrite(copy, chunk, place)


def _map(copy: int, mapping: Mapping) -> None:
    protection = mmap.PROT_READ | mmap.PROT_WRITE
    flags = mmap.MAP_PRIVATE | _MAP_FIXED
    address, length, offset = mapping
    if _libc.mmap(address, length, protection, flags, copy, offset) == _FAILED:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
