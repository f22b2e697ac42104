"""Files that are read anew when they change, while what was last good stays in force.

Knows when a file has changed. Does not know what is in it.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from dragoman_server.errors import ConfigError
from dragoman_server.monitoring import FileKind, Reload

_log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0

MOST_BYTES = 16 << 20

Stamp: TypeAlias = tuple[tuple[int, ...] | None, ...]


class WatchedFiles:
    """Files that are good only together, such as a certificate and its key.

    Args:
        kind: What they are, for the log and the metrics.
        paths: Where they are.
        load: Reads them and puts them in force; raises ConfigError where they are wrong.
    """

    def __init__(self, kind: FileKind, paths: Sequence[Path], load: Callable[[], None]) -> None:
        self._kind = kind
        self._paths = paths
        self._load = load
        self._seen = self._loaded = self._stamp()

    def look(self) -> Reload | None:
        """Reads them where they have changed, and not since the last look: all are written then."""
        before, self._seen = self._seen, self._stamp()
        if self._seen != before or self._seen == self._loaded:
            return None
        self._loaded = self._seen
        try:
            self._load()
        except Exception as error:  # noqa: BLE001  what was good stays in force, whatever it was
            problem = str(error) if isinstance(error, ConfigError) else type(error).__name__
            _log.error("file_refused", extra={"file": self._kind, "problem": problem})
            return Reload(self._kind, "REFUSED")
        _log.info("file_reloaded", extra={"file": self._kind})
        return Reload(self._kind, "OK")

    def _stamp(self) -> Stamp:
        return tuple(map(_stamp_of, self._paths))


class Watched(Protocol):
    """What is needed of files that change."""

    def look(self) -> Reload | None:
        """Reads them where they have changed."""


async def watch(files: Sequence[Watched], record: Callable[[Reload], None]) -> None:
    """Looks again and again, in a thread of its own, as a disk may take its time; never returns.

    Args:
        files: To look at.
        record: Told of each time that some were read anew.
    """
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for each in files:
            if (reload := await asyncio.to_thread(each.look)) is not None:
                record(reload)


def read_file(path: Path, setting: str) -> bytes:
    """Returns what a file holds.

    Raises:
        ConfigError: It cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{setting} {path} cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{setting} {path} has more than {MOST_BYTES:,} bytes")
    return content


def _stamp_of(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
