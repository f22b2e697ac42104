"""The life of a server process: start in order, run until told to stop, drain, stop.

Knows the parts and their order. Does not know how any of them works, nor what a signal is.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol

from dragoman_server.config import Config
from dragoman_server.ending import DRAINED, FAILED, Ending
from dragoman_server.errors import BundleError, ConfigError
from dragoman_server.memory import MemoryLimit
from dragoman_server.models import watch_files
from dragoman_server.monitoring import Metrics, MetricsServer, Models

_log = logging.getLogger(__name__)

HEALTH_CHECK_SECONDS = 1.0

PATIENCE = 10
"""Health checks for memory to come back, while calls are refused; then the server ends."""

CLOSE_SECONDS = 3.0
"""For a step that runs to end, and then for connections: what takes longer hangs."""


class Closable(Protocol):
    """A part of the server that ends."""

    async def close(self) -> None:
        """Ends."""


class RunningModels(Models, Protocol):
    """What is needed of a ModelPool."""

    @property
    def healthy(self) -> bool:
        """False once an engine thread has died."""

    @property
    def stalled(self) -> bool:
        """Whether a step takes so long that it will hardly end."""

    @property
    def engine_count(self) -> int:
        """Number of engine threads."""

    @property
    def names(self) -> list[str]:
        """NAME@VERSION of what is served."""

    def changed_files(self) -> list[str]:
        """Paths of files that are others than were loaded."""

    async def start(self) -> None:
        """Starts the engine threads."""

    async def close(self) -> None:
        """Stops them; texts without a translation get UnavailableError."""


class Calls(Protocol):
    """What is needed of a FrontEnd, or of several as Workers."""

    @property
    def healthy(self) -> bool:
        """False once a process of it has died."""

    @property
    def http_port(self) -> int | None:
        """Port that HTTP listens on, once started; None where it does not."""

    @property
    def told(self) -> str | None:
        """Name of the signal by which a process of it was told to end, if one was."""

    async def start(self) -> int:
        """Listens, and returns the port."""

    def tell_stalled(self, *, stalled: bool) -> None:
        """Says that an engine hangs, or hangs no longer."""

    async def drain(self) -> bool:
        """Refuses new requests and waits for the accepted ones; False if time ran out."""

    async def close(self) -> None:
        """Closes the port and every connection."""

    def kill(self) -> None:
        """Ends its processes, if it has any, at once."""


class Administrators(Protocol):
    """What is needed of an AdminServer."""

    async def start(self) -> str:
        """Listens, and returns the address."""

    async def close(self) -> None:
        """Closes the port and every connection."""


class Playground(Protocol):
    """What is needed of the server's page to play with."""

    async def start(self, port: int) -> str:
        """Listens, for the server that answers calls on `port`, and returns the address."""

    async def close(self) -> None:
        """Closes the port and every connection."""


class Application:
    """One server. Built on the event loop that it runs on.

    Args:
        config: Where it listens.
        models: Translate.
        front_end: Takes the calls.
        metrics: Served to Prometheus.
        admin: Takes the calls of administrators; None where there are none.
        playground: A page to play with; None where there is none.
        follow: Looks for new bundles until it is cancelled; None where nobody does.

    Attributes:
        port: Port that gRPC listens on, once started.
        metrics_port: Port that the metrics are served on, once started.
        has_served: Whether it was ready once.
    """

    def __init__(
        self,
        config: Config,
        *,
        models: RunningModels,
        front_end: Calls,
        metrics: Metrics,
        admin: Administrators | None = None,
        playground: Playground | None = None,
        follow: Callable[[], Coroutine[None, None, None]] | None = None,
    ) -> None:
        self.port = config.port
        self.metrics_port = config.prometheus_port
        self.has_served = False
        self._config = config
        self._models = models
        self._front_end = front_end
        self._metrics = metrics
        self._admin = admin
        self._playground = playground
        self._follow = follow
        self._is_out_of_memory = False
        self._memory = MemoryLimit()
        self._metrics_server = MetricsServer(
            metrics, host=config.prometheus_host, port=config.prometheus_port
        )

    async def run(self, stop: asyncio.Event) -> Ending:
        """Serves until `stop` is set or a part of it dies, then drains; returns how it ends.

        Raises:
            BundleError: A file of the bundle changed while it was loaded.
            ConfigError: A port is taken or a TLS file is wrong.
        """
        asyncio.get_running_loop().set_exception_handler(self._failed)
        watching: asyncio.Task[None] | None = None
        try:
            if not await self._started(stop):
                return Ending("told", DRAINED)
            watching = asyncio.create_task(self._watch_bundles())
            reason = await self._stopped(stop)
            await _end(watching)
            drained = await self.drain()
            if fault := self._fault:
                return Ending(fault, FAILED)
            return Ending(reason, DRAINED) if drained else Ending("drain_timeout", FAILED)
        finally:
            if watching is not None:
                watching.cancel()
            await self.close()

    async def start(self) -> None:
        """Starts engine, metrics and gRPC, in this order, and then says that it serves."""
        await self._models.start()
        self._start_metrics()
        self.port = await self._front_end.start()
        self._memory.check_start()
        if changed := self._models.changed_files():
            raise BundleError(f"{', '.join(changed)} changed while being loaded")
        told = {} if self._admin is None else {"admin_address": await self._admin.start()}
        if (http_port := self._front_end.http_port) is not None:
            told["http_address"] = f"{self._config.http_host}:{http_port}"
        if self._playground is not None:
            told["playground_address"] = await self._playground.start(self.port)
        self.has_served = True
        _log.info(
            "ready",
            extra={
                "address": f"{self._config.host}:{self.port}",
                "metrics_address": f"{self._config.prometheus_host}:{self.metrics_port}",
                "models": self._models.names,
                "engines": self._models.engine_count,
                "workers": self._config.workers,
                **told,
            },
        )

    async def drain(self) -> bool:
        """Refuses new requests and waits for the accepted ones; False if time ran out."""
        _log.info("draining")
        drained = await self._front_end.drain()
        if drained:
            _log.info("drained")
        return drained

    async def close(self) -> None:
        """Stops everything; requests still without an answer get UNAVAILABLE."""
        parts: dict[str, Closable] = {"engine": self._models, "front_end": self._front_end}
        if self._admin is not None:
            parts = {"admin": self._admin, **parts}
        if self._playground is not None:  # the calls that it makes go before what answers them
            parts = {"playground": self._playground, **parts}
        for name, part in parts.items():
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await part.close()
            except TimeoutError:
                _log.error("not_closed", extra={"part": name})
        self.kill()
        self._metrics_server.close()

    def kill(self) -> None:
        """Ends other processes of this server, if there are any, at once."""
        self._front_end.kill()

    def _start_metrics(self) -> None:
        self._metrics.watch(self._models)
        try:
            self.metrics_port = self._metrics_server.start()
        except OSError as error:
            address = f"{self._config.prometheus_host}:{self._config.prometheus_port}"
            raise ConfigError(f"metrics cannot be served on {address}: {error.strerror}") from None

    @property
    def _fault(self) -> str | None:
        """What of it is broken."""
        if not self._models.healthy:
            return "engine_died"
        if not self._front_end.healthy:
            return "worker_died"
        return "out_of_memory" if self._is_out_of_memory else None

    async def _watch_bundles(self) -> None:
        """Loads what is new, where that is asked for; else says so where what is loaded changed."""
        if self._follow is not None:
            await self._follow()
        else:
            await watch_files(self._models.changed_files)

    async def _started(self, stop: asyncio.Event) -> bool:
        """Starts everything; False where it is told to stop before it serves."""
        starting, told = asyncio.create_task(self.start()), asyncio.create_task(stop.wait())
        await asyncio.wait((starting, told), return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if starting.done():
            starting.result()
            return True
        starting.cancel()
        await asyncio.wait((starting,))
        return False

    async def _stopped(self, stop: asyncio.Event) -> str:
        """Waits until there is a reason to end, and returns it."""
        stalled, looks_without_memory = False, 0
        while not stop.is_set():
            looks_without_memory = looks_without_memory + 1 if self._memory.is_low else 0
            self._is_out_of_memory |= looks_without_memory > PATIENCE
            if fault := self._fault:
                _log.error(fault)
                return fault
            if told := self._front_end.told:
                return told
            if self._models.stalled != stalled:
                stalled = not stalled
                _log.error("engine_stalled" if stalled else "engine_resumed")
                self._front_end.tell_stalled(stalled=stalled)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), HEALTH_CHECK_SECONDS)
        return "told"

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What a callback of the event loop raised; nobody knows what it has left undone."""
        if isinstance(context.get("exception"), MemoryError):
            self._is_out_of_memory = True
        loop.default_exception_handler(context)


async def _end(task: asyncio.Task[None]) -> None:
    """Cancels a task and waits until it has cleaned up."""
    task.cancel()
    await asyncio.wait((task,))
