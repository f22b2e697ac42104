"""The life of a server process: start in order, run until told to stop, drain, stop.

Knows the parts and their order. Does not know how any of them works, nor what a signal is.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Protocol

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import Model
from dragoman_server.config import Config
from dragoman_server.errors import ConfigError
from dragoman_server.gate import Gate
from dragoman_server.guard import CallGuard
from dragoman_server.metrics import EngineLoad, Metrics, MetricsServer
from dragoman_server.outcomes import Outcomes
from dragoman_server.server import GrpcServer
from dragoman_server.service import TranslationService
from dragoman_server.translator import TextCodec, TextQueue, Translator

_log = logging.getLogger(__name__)

ENGINE_CHECK_SECONDS = 1.0

# A client whose answer has just left sends its next call at once. It must still find somebody who
# says UNAVAILABLE: grpc itself ends what it has not yet handed to Python with CANCELLED.
LINGER_SECONDS = 0.25


class RunningEngine(TextQueue, EngineLoad, Protocol):
    """What is needed of an AsyncEngine."""

    @property
    def healthy(self) -> bool:
        """False once an engine thread has died."""

    @property
    def engine_count(self) -> int:
        """Number of engine threads."""

    async def start(self) -> None:
        """Starts the engine threads."""

    async def close(self) -> None:
        """Stops them; texts without a translation get UnavailableError."""


class Application:
    """One server. Built on the event loop that it runs on.

    Attributes:
        port: Port that gRPC listens on, once started.
        metrics_port: Port that the metrics are served on, once started.
    """

    def __init__(
        self,
        config: Config,
        *,
        manifest: Manifest,
        model: Model,
        tokenizer: TextCodec,
        engine: RunningEngine,
        metrics: Metrics,
    ) -> None:
        self.port = config.port
        self.metrics_port = config.prometheus_port
        self._config = config
        self._model = model
        self._engine = engine
        self._metrics = metrics
        self._gate = Gate(max_calls=config.max_concurrent_requests)
        outcomes = Outcomes(metrics)
        service = TranslationService(
            Translator(manifest, model, tokenizer, engine),
            self._gate,
            outcomes,
            default_timeout_seconds=config.default_timeout_seconds,
        )
        guard = CallGuard(self._gate, outcomes, {"TranslateText": service.check_room})
        self._server = GrpcServer(config, service, guard)
        self._metrics_server = MetricsServer(
            metrics, host=config.prometheus_host, port=config.prometheus_port
        )

    async def run(self, stop: asyncio.Event) -> int:
        """Serves until `stop` is set or the engine dies, then drains; returns the exit code.

        Raises:
            ConfigError: A port is taken or a TLS file is wrong.
        """
        try:
            await self.start()
            await self._stopped(stop)
            drained = await self.drain()
            return 0 if drained and self._engine.healthy else 1
        finally:
            await self.close()

    async def start(self) -> None:
        """Starts engine, metrics and gRPC, in this order, and then says that it serves."""
        await self._engine.start()
        self._start_metrics()
        self.port = await self._server.start()
        await self._server.set_serving(serving=True)
        _log.info(
            "ready",
            extra={
                "address": f"{self._config.host}:{self.port}",
                "metrics_address": f"{self._config.prometheus_host}:{self.metrics_port}",
                "model": self._model.name,
                "precision": self._model.precision,
                "provider": self._model.provider,
                "engines": self._engine.engine_count,
            },
        )

    async def drain(self) -> bool:
        """Refuses new requests and waits for the accepted ones; False if time ran out."""
        _log.info("draining", extra={"calls": self._gate.calls})
        await self._server.set_serving(serving=False)
        self._gate.close()
        try:
            async with asyncio.timeout(self._config.drain_timeout_seconds):
                await self._gate.wait_empty()
        except TimeoutError:
            _log.error("drain_timeout", extra={"unanswered_calls": self._gate.calls})
            return False
        await asyncio.sleep(LINGER_SECONDS)
        _log.info("drained")
        return True

    async def close(self) -> None:
        """Stops everything; requests still without an answer get UNAVAILABLE."""
        await self._engine.close()
        await self._server.stop()
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

    async def _stopped(self, stop: asyncio.Event) -> None:
        while self._engine.healthy and not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), ENGINE_CHECK_SECONDS)
        if not self._engine.healthy:
            _log.error("engine_died")
