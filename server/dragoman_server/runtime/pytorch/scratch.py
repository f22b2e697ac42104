"""A temporary directory for torch to name, on machines that have none to write to.

To load a `.pt2` torch imports its compiler, which asks where it would keep what it compiles, and
that this place exists. Nothing is compiled here and so nothing written: a directory will do that
cannot be written, which is all that a container with read-only files has. Knows nothing of graphs.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = "TORCHINDUCTOR_CACHE_DIR"
"""The variable by which torch is told of another place."""


@contextmanager
def named_directory() -> Iterator[None]:
    """While it is entered there is a temporary directory, if only by name."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        here = str(Path(__file__).parent)
        os.environ.setdefault(CACHE, here)
        tempfile.tempdir = here
        try:
            yield
        finally:
            tempfile.tempdir = None
    else:
        yield
