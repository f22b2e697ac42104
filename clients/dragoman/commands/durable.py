"""Files that are there whole or not at all, whatever dies while they are written.

Knows the file system. Does not know what is in the files.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".tmp"
"""How the name of a file ends that is still being written."""


@contextmanager
def durable_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a file that takes the place of `path` once the context ends without an error.

    It is on the disk before it has its name: where there is a file of this name, it is whole. Two
    that write the same file at a time do not meet: the last one to end wins.
    """
    writer = f"{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}"
    temporary = path.with_name(f"{path.name}.{writer}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            yield file
            put_in_place(file, temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def put_in_place(file: BinaryIO, temporary: Path, path: Path) -> None:
    """Gives an open file that is written whole its name, once it is on the disk."""
    file.flush()
    os.fsync(file.fileno())
    temporary.replace(path)
    _sync_directory(path.parent)


def write_durably(path: Path, content: bytes) -> None:
    """Writes a whole file, as `durable_file` does."""
    with durable_file(path) as file:
        file.write(content)


def sweep(directory: Path) -> None:
    """Removes what was being written when its writer died."""
    for temporary in directory.glob(f"*{TEMPORARY}"):
        temporary.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    """Puts the names in a directory on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
