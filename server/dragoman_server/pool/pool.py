"""The models that are loaded: each version from its loading until its last request has ended.

A label, the name of a bundle's directory, stands for one version at a time. Another bundle under
the label is loaded beside what it replaces; once front ends can serve it they switch at once, and
what was replaced answers what it has begun before it is closed. A bundle that cannot be loaded
changes nothing.

Knows when a version comes and goes. Does not know where bundles come from, nor how one is loaded.
"""

import asyncio
import functools
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from dragoman_server.errors import DragomanError, NoRoomError, UnavailableError
from dragoman_server.memory import trim
from dragoman_server.monitoring import ModelInfo, ModelLoad
from dragoman_server.pool.failures import Failures
from dragoman_server.pool.folder import Found
from dragoman_server.pool.labels import Labels
from dragoman_server.pool.memory import NO_LIMIT, MemoryBudget
from dragoman_server.pool.quietly import quietly
from dragoman_server.pool.version import LoadedModel, ModelEngine, Version
from dragoman_server.processes import ModelSetup, Serve

_log = logging.getLogger(__name__)


class Load(Protocol):
    """Loads a bundle, in whatever thread it is called."""

    def __call__(
        self,
        found: Found,
        number: int,
        memory: int | None,
        *,
        beside: bool = False,
        like: LoadedModel | None = None,
    ) -> LoadedModel:
        """Returns the model.

        Args:
            found: What to load.
            number: Of the version.
            memory: Bytes that its files and caches may take; None for no limit.
            beside: Whether others are served meanwhile, who are not to notice.
            like: What it replaces, if it does.

        Raises:
            DragomanError: It cannot be loaded.
        """


class ModelFrontEnd(Protocol):
    """What is needed of a FrontEnd, or of several as Workers."""

    async def prepare(self, setup: ModelSetup) -> None:
        """Gets ready to serve a version; raises a DragomanError where it cannot."""

    async def serve(self, serve: Serve) -> None:
        """Serves these versions; once it returns, no other one gets any more texts."""

    def tell_failures(self, failures: Mapping[str, str]) -> None:
        """Says which bundles are not served, and why."""


class ModelPool:
    """Changes are made one after the other. Built in any thread, then used on one event loop.

    Attributes:
        unloaded: Versions whose memory was freed since the start.

    Args:
        load: Loads a bundle.
        budget: Of the memory of all models.
        unloads: Whether the model that was used least lately is unloaded where the memory has no
            room for another; else that one is refused.
    """

    def __init__(
        self, load: Load, budget: MemoryBudget = NO_LIMIT, *, unloads: bool = False
    ) -> None:
        self._load = load
        self._budget = budget
        self._unloads = unloads
        self._labels = Labels()
        self._versions: dict[int, Version] = {}
        """By number: what is served, what will be, and what only ends what it has begun."""
        self._leaving: dict[Version, asyncio.Task[None]] = {}
        self._failures = Failures()
        self._number = self.unloaded = 0
        self._change = asyncio.Lock()
        self._front_end: ModelFrontEnd | None = None

    @property
    def healthy(self) -> bool:
        """Whether every engine thread of what is served is alive."""
        return all(version.engine.healthy for version in self._labels.versions)

    @property
    def stalled(self) -> bool:
        """Whether a step of an engine takes so long that it will hardly end."""
        return any(version.engine.stalled for version in self._versions.values())

    @property
    def engine_count(self) -> int:
        """Number of engine threads of what is served."""
        return sum(version.engine.engine_count for version in self._labels.versions)

    @property
    def names(self) -> list[str]:
        """NAME@VERSION of what is served."""
        return [str(version) for version in self._labels.versions]

    @property
    def failures(self) -> dict[str, str]:
        """Why what is on disk under a label is not served, by label."""
        return self._failures.reasons

    @property
    def labels(self) -> dict[str, Version]:
        """What each label stands for."""
        return dict(self._labels)

    def loads(self) -> Iterator[ModelLoad]:
        """Yields every version that is loaded, for the metrics."""
        for version in list(self._versions.values()):
            model = version.model
            info = ModelInfo(
                model=model.name,
                version=model.version,
                architecture=model.architecture,
                precision=model.precision,
                runtime=model.runtime,
                provider=model.provider,
            )
            yield ModelLoad(info, version.engine)

    def engine_of(self, number: int) -> ModelEngine:
        """Returns the engines of a version.

        Raises:
            UnavailableError: It has been unloaded: a text of it that is translated once more, for
                something that it lacks, may come later than all others.
        """
        version = self._versions.get(number)
        if version is None:
            raise UnavailableError("the model was unloaded before the translation")
        return version.engine

    def changed_files(self) -> list[str]:
        """Returns the paths of files that are others than were loaded."""
        return [
            str(version.loaded.bundle.path / file)
            for version in self._labels.versions
            for file in version.loaded.bundle.changed_files()
        ]

    def begin(self, found: Iterable[Found], *, all_must_load: bool) -> None:
        """Loads what is there at the start; blocks.

        Raises:
            DragomanError: One cannot be loaded, and all must.
        """
        left = list(found)
        while left:
            each = left.pop(0)
            try:
                room = self._room(len(left) + 1)
                version = self._labels.known(each.source) or self._add(
                    each, self._load(each, self._next_number(), room)
                )
            except DragomanError as error:
                if all_must_load:
                    raise
                self._failures.add(each.label, str(error))
            else:
                self._labels[each.label] = version

    def setup(self) -> tuple[tuple[ModelSetup, ...], Serve, dict[str, str]]:
        """Returns what front ends begin with: what they serve, and what they cannot, and why."""
        setups = tuple(version.loaded.setup for version in self._labels.versions)
        return setups, self._labels.serve(), self.failures

    def attach(self, front_end: ModelFrontEnd) -> None:
        """Tells this one of changes from now on."""
        self._front_end = front_end
        self._failures.tell = front_end.tell_failures

    async def start(self) -> None:
        """Starts the engines of what was loaded.

        Raises:
            DragomanError: One does not start.
        """
        for version in self._labels.versions:
            await version.engine.start()

    async def put(self, found: Found) -> None:
        """Loads a bundle, unless it is there, and serves it under its label.

        Raises:
            DragomanError: It cannot be loaded; what the label stood for goes on.
        """
        async with self._change:
            try:
                version = self._labels.known(found.source) or await self._load_beside(found)
            except DragomanError as error:
                self._failures.add(found.label, str(error))
                raise
            self._labels[found.label] = version
            self._failures.forget(found.label)
            await self._publish()

    async def drop(self, label: str) -> None:
        """Serves nothing under a label any longer."""
        async with self._change:
            self._failures.forget(label)
            if self._labels.pop(label, None):
                await self._publish()

    async def choose(self, name: str, version: str) -> None:
        """Lets a version answer to its model's name; an empty one leaves it to the labels.

        Raises:
            NotFoundError: No such version is served.
        """
        async with self._change:
            self._labels.choose(name, version)
            await self._publish()

    def is_default(self, version: Version) -> bool:
        """Whether a version that is served answers to its model's name alone."""
        return self._labels.default(version.model.name) is version

    async def close(self) -> None:
        """Stops all engines; texts without a translation get UnavailableError."""
        for task in self._leaving.values():
            task.cancel()
        await asyncio.gather(*(version.engine.close() for version in self._versions.values()))

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _room(self, models: int) -> int | None:
        return self._budget.share([each.loaded.memory for each in self._versions.values()], models)

    def _add(self, found: Found, loaded: LoadedModel) -> Version:
        """Takes a loaded model in, which then is served under no label yet."""
        version = Version(found.source, loaded)
        self._labels.check_unique(version, found.label)
        self._versions[version.number] = version
        _log.info(
            "model_loaded",
            extra={
                "model": version.model.name,
                "version": version.model.version,
                "bundle": found.label,
                "precision": version.model.precision,
                "runtime": version.model.runtime,
                "provider": version.model.provider,
                "engines": version.engine.engine_count,
                "bytes": loaded.memory,
            },
        )
        return version

    async def _load_beside(self, found: Found) -> Version:
        """Loads a bundle while others are served, and gets everybody ready for it."""
        assert self._front_end is not None
        replaced = self._labels.get(found.label)
        loaded = await self._load_where_room_is(found, replaced)
        version = self._add(found, loaded)
        try:
            await version.engine.start()
            await self._front_end.prepare(loaded.setup)
            loaded.bundle.check_unchanged()
        except BaseException:
            await self._close(version)
            raise
        return version

    async def _load_where_room_is(self, found: Found, replaced: Version | None) -> LoadedModel:
        """Loads a bundle; unloads others before it, where it has no room and that is asked for."""
        like = replaced.loaded if replaced else None
        while True:
            load = functools.partial(
                self._load, found, self._next_number(), self._room(1), beside=True, like=like
            )
            try:
                return await quietly(load, nice=like is None or like.layout.threads == 1)
            except NoRoomError as error:
                oldest = self._least_lately_used(other_than=replaced)
                kept = replaced.loaded.memory if replaced else 0
                if not self._unloads or oldest is None or not self._fits(error, kept):
                    raise
                await self._unload_for(oldest, found.label)

    def _fits(self, error: NoRoomError, kept: int) -> bool:
        """Whether a model would have room beside `kept` bytes alone."""
        room = self._budget.share([kept], models=1)
        return room is None or error.needed_bytes <= room

    def _least_lately_used(self, other_than: Version | None) -> Version | None:
        others = [version for version in self._labels.versions if version is not other_than]
        return min(others, key=lambda version: version.engine.used_at, default=None)

    async def _unload_for(self, version: Version, label: str) -> None:
        """Unloads a version, and returns once its memory is free."""
        self._failures.unloaded(self._labels.remove(version), room_for=label)
        await self._publish()
        await self._leaving[version]

    async def _publish(self) -> None:
        """Lets front ends serve what the labels stand for, and anything else end."""
        assert self._front_end is not None
        await self._front_end.serve(self._labels.serve())
        served = self._labels.versions
        for version in list(self._versions.values()):
            if version not in served and version not in self._leaving:
                self._leaving[version] = asyncio.create_task(self._leave(version))

    async def _leave(self, version: Version) -> None:
        """Closes a version that gets no more texts, once it has ended what it has begun."""
        await version.engine.wait_idle()
        await self._close(version)
        del self._leaving[version]
        model = version.model
        del version  # the last reference: its memory is free, but malloc keeps it
        await asyncio.to_thread(trim)
        _log.info(
            "model_unloaded",
            extra={"model": model.name, "version": model.version},
        )

    async def _close(self, version: Version) -> None:
        await version.engine.close()
        del self._versions[version.number]
        self.unloaded += 1
