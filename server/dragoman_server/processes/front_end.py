"""What calls go through on their way to the engines: gRPC, validation, tokenisation.

Knows its parts and how they start, drain and stop. Does not know in which process the engines are.
"""

import asyncio
import logging
from collections.abc import Callable

from dragoman_server.access import Access, watch
from dragoman_server.memory import MemoryLimit
from dragoman_server.monitoring import Report, Shortage
from dragoman_server.processes.messages import Setup
from dragoman_server.processes.shortages import ShortageWatch, reserve_descriptors
from dragoman_server.service import (
    Gate,
    GrpcServer,
    Health,
    Outcomes,
    TextQueue,
    TranslationService,
    Translator,
)

_log = logging.getLogger(__name__)

# A client whose answer has just left sends its next call at once. It must still find somebody who
# says UNAVAILABLE: grpc itself ends what it has not yet handed to Python with CANCELLED.
LINGER_SECONDS = 0.25


class FrontEnd:
    """One gRPC server. Built on the event loop that it runs on.

    Args:
        setup: What it serves, and where.
        engine: Translates.
        record: Told how each request ended, and what there is too little of.
        shares_port: Whether other processes listen on the same port.
    """

    def __init__(
        self,
        setup: Setup,
        engine: TextQueue,
        record: Callable[[Report], None],
        *,
        shares_port: bool = False,
    ) -> None:
        config = setup.config.model_copy(
            update={"max_connections": reserve_descriptors(setup.config.max_connections)}
        )
        self._record = record
        self._max_connections = config.max_connections
        self._watching: list[asyncio.Task[None]] = []
        self._drain_timeout_seconds = config.drain_timeout_seconds
        self._memory = MemoryLimit()
        self._access = Access.of(config)
        self._gate = Gate(max_calls=config.max_concurrent_requests)
        outcomes = Outcomes(record)
        service = TranslationService(
            Translator(
                setup.manifest, setup.model, setup.make_tokenizer(), engine, self._memory.check
            ),
            self._gate,
            outcomes,
            default_timeout_seconds=config.default_timeout_seconds,
            max_timeout_seconds=config.max_timeout_seconds,
            access=self._access,
        )
        self._server = GrpcServer(
            config, service, lambda: record(Shortage(0.0, 0, floods=1)), shares_port=shares_port
        )

    @property
    def healthy(self) -> bool:
        """Always: it ends with its process."""
        return True

    @property
    def told(self) -> None:
        """Never: signals come to its process, and are that one's to hear."""

    async def start(self) -> int:
        """Listens, says that it serves, and returns the port.

        Raises:
            ConfigError: The port is taken, a TLS file is wrong, or calls would have no memory.
        """
        port = await self._server.start()
        self._memory.check_start()
        shortages = ShortageWatch(self._record, self._max_connections)
        files = [*self._server.files, *(self._access.files if self._access else ())]
        self._watching = [
            asyncio.create_task(shortages.run()),
            asyncio.create_task(watch(files, self._record)),
        ]
        self._server.tell_health(Health(ready=True))
        return port

    def tell_stalled(self, *, stalled: bool) -> None:
        """Says that an engine hangs, or hangs no longer: no requests then, but a restart."""
        self._server.tell_health(Health(ready=not stalled, alive=not stalled))

    async def drain(self) -> bool:
        """Refuses new requests and waits for the accepted ones; False if time ran out."""
        self._server.tell_health(Health(ready=False))
        self._gate.close()
        try:
            async with asyncio.timeout(self._drain_timeout_seconds):
                await self._gate.wait_empty()
        except TimeoutError:
            _log.error("drain_timeout", extra={"unanswered_calls": self._gate.calls})
            return False
        await asyncio.sleep(LINGER_SECONDS)
        return True

    async def close(self) -> None:
        """Closes the port and every connection."""
        for watching in self._watching:
            watching.cancel()
        await self._server.stop()

    def kill(self) -> None:
        """Does nothing: it has no processes."""
