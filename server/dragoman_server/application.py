"""The life of a server process: start in order, run until told to stop, drain, stop.

Knows the parts and their order. Does not know how any of them works, nor what a signal is.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from dragoman.v1.translation_pb2 import Model
from dragoman_server.config import Config
from dragoman_server.errors import ConfigError
from dragoman_server.models import watch_files
from dragoman_server.monitoring import EngineLoad, Metrics, MetricsServer

_log = logging.getLogger(__name__)

HEALTH_CHECK_SECONDS = 1.0


class RunningEngine(EngineLoad, Protocol):
    """What is needed of an AsyncEngine."""

    @property
    def healthy(self) -> bool:
        """False once an engine thread has died."""

    @property
    def stalled(self) -> bool:
        """Whether a step takes so long that it will hardly end."""

    @property
    def engine_count(self) -> int:
        """Number of engine threads."""

    async def start(self) -> None:
        """Starts the engine threads."""

    async def close(self) -> None:
        """Stops them; texts without a translation get UnavailableError."""


class Calls(Protocol):
    """What is needed of a FrontEnd, or of several as Workers."""

    @property
    def healthy(self) -> bool:
        """False once a process of it has died."""

    async def start(self) -> int:
        """Listens, and returns the port."""

    def tell_stalled(self, *, stalled: bool) -> None:
        """Says that an engine hangs, or hangs no longer."""

    async def drain(self) -> bool:
        """Refuses new requests and waits for the accepted ones; False if time ran out."""

    async def close(self) -> None:
        """Closes the port and every connection."""


class Application:
    """One server. Built on the event loop that it runs on.

    Args:
        config: Where it listens.
        model: What it serves, for the log and the metrics.
        engine: Translates.
        front_end: Takes the calls.
        metrics: Served to Prometheus.
        changed_files: Which files of the bundle are others than were loaded.

    Attributes:
        port: Port that gRPC listens on, once started.
        metrics_port: Port that the metrics are served on, once started.
    """

    def __init__(
        self,
        config: Config,
        *,
        model: Model,
        engine: RunningEngine,
        front_end: Calls,
        metrics: Metrics,
        changed_files: Callable[[], list[str]] = list,
    ) -> None:
        self.port = config.port
        self.metrics_port = config.prometheus_port
        self._config = config
        self._model = model
        self._engine = engine
        self._front_end = front_end
        self._metrics = metrics
        self._changed_files = changed_files
        self._metrics_server = MetricsServer(
            metrics, host=config.prometheus_host, port=config.prometheus_port
        )

    async def run(self, stop: asyncio.Event) -> int:
        """Serves until `stop` is set or a part of it dies, then drains; returns the exit code.

        Raises:
            ConfigError: A port is taken or a TLS file is wrong.
        """
        watching = asyncio.create_task(watch_files(self._changed_files))
        try:
            await self.start()
            await self._stopped(stop)
            drained = await self.drain()
            return 0 if drained and self._healthy else 1
        finally:
            watching.cancel()
            await self.close()

    async def start(self) -> None:
        """Starts engine, metrics and gRPC, in this order, and then says that it serves."""
        await self._engine.start()
        self._start_metrics()
        self.port = await self._front_end.start()
        _log.info(
            "ready",
            extra={
                "address": f"{self._config.host}:{self.port}",
                "metrics_address": f"{self._config.prometheus_host}:{self.metrics_port}",
                "model": self._model.name,
                "precision": self._model.precision,
                "provider": self._model.provider,
                "engines": self._engine.engine_count,
                "workers": self._config.workers,
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
        await self._engine.close()
        await self._front_end.close()
        self._metrics_server.close()

    def _start_metrics(self) -> None:
        model = self._model
        self._metrics.watch(self._engine)
        self._metrics.model_info.labels(
            model.name, model.architecture, model.precision, model.provider
        ).set(1)
        try:
            self.metrics_port = self._metrics_server.start()
        except OSError as error:
            address = f"{self._config.prometheus_host}:{self._config.prometheus_port}"
            raise ConfigError(f"metrics cannot be served on {address}: {error.strerror}") from None

    @property
    def _healthy(self) -> bool:
        return self._engine.healthy and self._front_end.healthy

    async def _stopped(self, stop: asyncio.Event) -> None:
        stalled = False
        while self._healthy and not stop.is_set():
            if self._engine.stalled != stalled:
                stalled = not stalled
                _log.error("engine_stalled" if stalled else "engine_resumed")
                self._front_end.tell_stalled(stalled=stalled)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), HEALTH_CHECK_SECONDS)
        if not self._engine.healthy:
            _log.error("engine_died")
        if not self._front_end.healthy:
            _log.error("worker_died")
