"""What an administrator may do with a pool: by the names of directories, and nothing beside them.

Knows the directory of bundles. Does not know who asks, nor calls.
"""

import asyncio
from pathlib import Path

from dragoman.v1.admin_pb2 import (
    BUNDLE_STATE_FAILED,
    BUNDLE_STATE_LOADED,
    BUNDLE_STATE_NOT_LOADED,
    Bundle,
)
from dragoman_server.errors import (
    DragomanError,
    NoRoomError,
    NotFoundError,
    PreconditionError,
    shorten,
)
from dragoman_server.pool.folder import Found, find_bundles
from dragoman_server.pool.pool import ModelPool


class Administration:
    """Lists, loads and unloads the bundles of a directory.

    A change goes on where who asked for it does not wait for its end.
    """

    def __init__(self, directory: Path, pool: ModelPool) -> None:
        self._directory = directory
        self._pool = pool
        self._changes: set[asyncio.Task[None]] = set()

    async def bundles(self) -> list[Bundle]:
        """Returns all that are on disk or loaded, sorted by name."""
        on_disk = {each.label for each in await asyncio.to_thread(find_bundles, self._directory)}
        labels = on_disk | set(self._pool.labels) | set(self._pool.failures)
        return [self._bundle(label) for label in sorted(labels)]

    async def load(self, label: str) -> Bundle:
        """Loads a bundle as it is on disk, and serves it.

        Raises:
            NotFoundError: There is none of that name.
            PreconditionError: It cannot be loaded, or there is no room for it.
        """
        found = await self._found(label)
        try:
            await self._change(asyncio.create_task(self._pool.put(found)))
        except NoRoomError as error:
            raise PreconditionError(str(error), reason="MODELS_MEMORY_FULL") from None
        except DragomanError as error:
            raise PreconditionError(str(error), reason="BUNDLE_NOT_LOADED") from None
        return self._bundle(label)

    async def unload(self, label: str) -> None:
        """Serves a bundle no longer.

        Raises:
            NotFoundError: None of that name is loaded.
        """
        if label not in self._pool.labels:
            raise NotFoundError(f"no bundle {shorten(label)} is loaded", reason="BUNDLE_NOT_FOUND")
        await self._change(asyncio.create_task(self._pool.drop(label)))

    async def choose(self, model: str, version: str) -> None:
        """Lets a version answer to its model's name; an empty one leaves it to the directories.

        Raises:
            NotFoundError: No such version is loaded.
        """
        await self._change(asyncio.create_task(self._pool.choose(model, version)))

    async def _change(self, change: asyncio.Task[None]) -> None:
        """Waits for a change, which goes on where nobody waits any more."""
        self._changes.add(change)
        change.add_done_callback(self._changes.discard)
        await asyncio.shield(change)

    async def _found(self, label: str) -> Found:
        """Looks the name up among those that there are: no path leads out of the directory."""
        for found in await asyncio.to_thread(find_bundles, self._directory):
            if found.label == label:
                return found
        raise NotFoundError(
            f"no bundle {shorten(label)} in the server's directory of models",
            reason="BUNDLE_NOT_FOUND",
        )

    def _bundle(self, label: str) -> Bundle:
        version, reason = self._pool.labels.get(label), self._pool.failures.get(label, "")
        if version is None:
            state = BUNDLE_STATE_FAILED if reason else BUNDLE_STATE_NOT_LOADED
            return Bundle(bundle=label, state=state, reason=reason)
        return Bundle(
            bundle=label,
            state=BUNDLE_STATE_FAILED if reason else BUNDLE_STATE_LOADED,
            model=version.model.name,
            version=version.model.version,
            is_default=self._pool.is_default(version),
            reason=reason,
        )
