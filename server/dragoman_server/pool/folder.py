"""Finds bundles on disk, and tells whether one is still the one that it was.

A directory with a bundle.json is a bundle, whatever it is called; what follows an "@" in its name
is its version. Names that begin with "." are left alone: there a bundle may be written before it is
renamed. Opens no file.
"""

import os
from pathlib import Path
from typing import NamedTuple

from dragoman_server.errors import BundleError, ConfigError
from dragoman_server.models import VersionedName
from dragoman_server.models.bundle import MANIFEST_NAME

MOST_FILES = 1000
"""Of a directory that is looked through; a bundle has about six."""


class Source(NamedTuple):
    """A bundle where it lies: another one as soon as any of its files is another."""

    path: Path
    """Without symbolic links."""
    stamp: tuple[tuple[str, int, int, int], ...]
    """Path, inode, size and time of each file."""


class Found(NamedTuple):
    """What a directory of bundles has under a name."""

    label: str
    """The name."""
    source: Source

    @property
    def version(self) -> str | None:
        """As the name says it."""
        return VersionedName.parse(self.label).version


def find_bundle(path: Path) -> Found:
    """Returns the bundle in a directory, which may be a symbolic link.

    Raises:
        BundleError: There is none, or too much beside it.
    """
    try:
        resolved = path.resolve(strict=True)
        if not (resolved / MANIFEST_NAME).exists():
            raise BundleError(f"no bundle at {path}: it has no {MANIFEST_NAME}")
        return Found(path.name or resolved.name, Source(resolved, _stamp(resolved)))
    except (OSError, RuntimeError) as error:  # the latter of links in a circle
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BundleError(f"no bundle at {path}: {reason}") from None


def find_bundles(directory: Path) -> list[Found]:
    """Returns the bundles right in a directory, sorted by name.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(directory))
    except OSError as error:
        raise ConfigError(f"models {directory} cannot be read: {error.strerror}") from None
    found = []
    for name in names:
        path = directory / name
        if not name.startswith(".") and (path / MANIFEST_NAME).exists():
            found.append(find_bundle(path))
    return found


def _stamp(directory: Path) -> tuple[tuple[str, int, int, int], ...]:
    stamps = []
    for folder, _, files in os.walk(directory):
        for name in files:
            path = os.path.join(folder, name)  # noqa: PTH118  often, and os.walk's strings
            status = os.stat(path)  # noqa: PTH116
            inner = os.path.relpath(path, directory)
            stamps.append((inner, status.st_ino, status.st_size, status.st_mtime_ns))
            if len(stamps) > MOST_FILES:
                raise BundleError(f"{directory} has more than {MOST_FILES:,} files")
    return tuple(sorted(stamps))
