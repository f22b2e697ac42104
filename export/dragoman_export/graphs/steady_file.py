"""A file for PyTorch to write archives to, which keeps what goes wrong until all is written.

Where a file of its own cannot be written, or a buffer raises, PyTorch ends the process. Knows
files. Does not know what is in them.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast


@contextmanager
def steady_file(path: Path) -> Iterator[IO[bytes]]:
    """Opens it anew.

    Raises:
        OSError: It cannot be opened, or something of it was not written.
    """
    with path.open("wb") as file:
        steady = _SteadyFile(file)
        yield cast("IO[bytes]", steady)
        file.flush()
    if steady.error is not None:
        raise steady.error


class _SteadyFile(io.RawIOBase):
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None
        """The first, after which nothing more is written."""

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def write(self, content: Any) -> int:  # noqa: ANN401 - whatever has bytes
        """Of all of it, as far as PyTorch is told."""
        try:
            if self.error is None:
                self._file.write(content)
        except OSError as error:
            self.error = error
        return memoryview(content).nbytes
