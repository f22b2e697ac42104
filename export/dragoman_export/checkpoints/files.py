"""Reads single files of a checkpoint, and says of each what is the matter with it.

Knows encodings, JSON and what git leaves in place of a large file. Does not know what a file is
for.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dragoman_export.errors import CheckpointError

Settings = dict[str, Any]

LFS_POINTER = b"version https://git-lfs"
"""How the few lines begin that git has where git-lfs has not fetched the file itself."""


@contextmanager
def reading(checkpoint: Path) -> Iterator[None]:
    """Within it, what cannot be read is the checkpoint's fault.

    Raises:
        CheckpointError: A file cannot be read.
    """
    try:
        yield
    except (OSError, RecursionError) as error:
        raise CheckpointError(f"cannot read checkpoint {checkpoint}: {error}") from error


def read_settings(path: Path) -> Settings:
    """The JSON object in a file; a byte order mark before it means nothing.

    Raises:
        CheckpointError: It cannot be read, or holds something else.
    """
    refuse_pointers([path])
    try:
        settings = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    if not isinstance(settings, dict):
        raise CheckpointError(f"{path} holds no JSON object")
    return settings


def refuse_pointers(paths: Iterable[Path]) -> None:
    """Raises CheckpointError where git-lfs has not fetched the files, naming all of them."""
    if pointers := [str(path) for path in paths if _is_pointer(path)]:
        raise CheckpointError(
            f"no file but a pointer of git-lfs: {', '.join(pointers)}; run git lfs pull there"
        )


def _is_pointer(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(LFS_POINTER)) == LFS_POINTER
    except OSError:
        return False  # whoever needs it says so
