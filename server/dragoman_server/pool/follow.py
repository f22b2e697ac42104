"""Keeps a pool as a directory of bundles is: what comes is loaded, what goes is unloaded.

A bundle is put there, replaced or taken away by renaming it, or a symbolic link to it: what is seen
is then one bundle or the other. Knows when to look. Does not know how models come and go.
"""

import asyncio
import logging
from pathlib import Path

from dragoman_server.errors import DragomanError, NoRoomError
from dragoman_server.pool.folder import Found, Source, find_bundles
from dragoman_server.pool.pool import ModelPool

_log = logging.getLogger(__name__)


class Follower:
    """Looks at a directory again and again.

    Args:
        directory: That has the bundles.
        pool: What is loaded.
        seen: What the pool began with.
    """

    def __init__(self, directory: Path, pool: ModelPool, seen: list[Found]) -> None:
        self._directory = directory
        self._pool = pool
        self._seen: dict[str, Source] = dict(seen)
        self._refused: dict[str, Found] = {}
        """For which there was no room, by label."""
        self._missing: set[str] = set()
        """Labels that were not there at the last look."""
        self._unloaded = pool.unloaded
        self._is_readable = True

    async def run(self, seconds: float) -> None:
        """Looks after so many seconds each time; never returns."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.look()
            except Exception:  # noqa: BLE001  what nobody thought of must not end the looking
                _log.exception("models_look_failed")

    async def look(self) -> None:
        """Makes the pool what the directory is now, as far as its bundles can be loaded.

        What is gone is unloaded when it is gone at the next look, too: whoever replaces a directory
        by two renames leaves none for a moment. One that cannot be loaded is not tried again before
        it is another, or, where there was only no room for it, another one's memory was freed.
        """
        try:
            found = await asyncio.to_thread(find_bundles, self._directory)
        except DragomanError as error:
            self._tell_unreadable(error)
            return
        self._is_readable = True
        new = [each for each in found if self._seen.get(each.label) != each.source]
        missing = set(self._seen) - {each.label for each in found}
        gone, self._missing = missing & self._missing, missing
        # New ones first: one that was only renamed is still there to be served by its new name.
        for each in new:
            await self._put(each)
        for label in gone:
            del self._seen[label]
            self._refused.pop(label, None)
            await self._pool.drop(label)
        if self._pool.unloaded != self._unloaded:
            self._unloaded = self._pool.unloaded
            for each in list(self._refused.values()):
                await self._put(each)

    async def _put(self, found: Found) -> None:
        self._seen[found.label] = found.source
        self._refused.pop(found.label, None)
        try:
            await self._pool.put(found)
        except NoRoomError:
            self._refused[found.label] = found
        except DragomanError:
            pass  # the pool has said why

    def _tell_unreadable(self, error: DragomanError) -> None:
        """Says it once: models stay loaded while the directory cannot be read."""
        if self._is_readable:
            self._is_readable = False
            _log.error("models_unreadable", extra={"reason": str(error)})
