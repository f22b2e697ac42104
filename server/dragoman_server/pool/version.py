"""A version of a model that is loaded, whatever becomes of it.

Knows what it is made of. Does not know whether it is served.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from dragoman.v1.translation_pb2 import Model
from dragoman_server.engine import Outlook
from dragoman_server.models import Bundle, VersionedName
from dragoman_server.monitoring import EngineLoad
from dragoman_server.pool.folder import Source
from dragoman_server.processes import ModelSetup
from dragoman_server.runtime.layout import Layout
from dragoman_server.service import TextQueue


class ModelEngine(TextQueue, EngineLoad, Protocol):
    """What is needed of an AsyncEngine."""

    @property
    def healthy(self) -> bool:
        """False once an engine thread has died."""

    @property
    def stalled(self) -> bool:
        """Whether a step takes so long that it will hardly end."""

    @property
    def used_at(self) -> float:
        """When texts came last."""

    def outlook(self) -> Outlook | None:
        """Returns what a request would find that came now."""

    async def start(self) -> None:
        """Starts the engine threads."""

    async def wait_idle(self) -> None:
        """Returns once every text that was submitted has ended."""

    async def close(self) -> None:
        """Stops the threads; texts without a translation get UnavailableError."""


class LoadedModel(NamedTuple):
    """A bundle that is loaded, to be started and served."""

    setup: ModelSetup
    """What front ends are told of it."""
    engine: ModelEngine
    layout: Layout
    """How many engines there are, and the threads of each."""
    memory: int
    """Bytes of its files and caches."""
    bundle: Bundle
    processes: int = 0
    """Over which its engines are spread; 0 where they are threads of this process."""


@dataclass(eq=False, slots=True)
class Version:
    """A loaded version of a model."""

    source: Source
    loaded: LoadedModel

    @property
    def number(self) -> int:
        """As no other version has."""
        return self.loaded.setup.number

    @property
    def model(self) -> Model:
        """As ListModels tells it."""
        return self.loaded.setup.model

    @property
    def engine(self) -> ModelEngine:
        """Translates with it."""
        return self.loaded.engine

    def __str__(self) -> str:
        return str(VersionedName(self.model.name, self.model.version))
