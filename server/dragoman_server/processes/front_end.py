"""What calls go through on their way to the engines: gRPC, validation, tokenisation.

Knows its parts and how they start, drain and stop. Does not know in which process the engines are.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from dragoman_server.access import Access, Watched, watch
from dragoman_server.config import Config
from dragoman_server.detection import open_detector
from dragoman_server.interfaces import Foundation, http_server, interface_methods
from dragoman_server.memory import MemoryLimit
from dragoman_server.monitoring import Report, Shortage
from dragoman_server.processes.messages import ModelSetup, Serve, Setup
from dragoman_server.processes.shortages import ShortageWatch, reserve_descriptors
from dragoman_server.service import (
    SERVICE_NAME,
    Catalog,
    Entry,
    Gate,
    GrpcServer,
    Health,
    LanguageDetection,
    Outcomes,
    Routes,
    SentenceCache,
    TextQueue,
    TranslationService,
    Translator,
    build_observer,
)
from dragoman_server.terminology import Shelf

if TYPE_CHECKING:  # what it needs is installed where it is asked for alone
    from dragoman_server.interfaces.http import HttpServer

_log = logging.getLogger(__name__)

# A client whose answer has just left sends its next call at once. It must still find somebody who
# says UNAVAILABLE: grpc itself ends what it has not yet handed to Python with CANCELLED.
LINGER_SECONDS = 0.25


class FrontEnd:
    """One gRPC server, and one of HTTP where that is asked for.

    Built on the event loop that it runs on.

    Args:
        setup: What it serves, and where.
        engines: Returns what translates with a version.
        record: Told how each request ended, and what there is too little of.
        shares_port: Whether other processes listen on the same port.

    Attributes:
        access: Who may do what; None where no setting says so. Once started the front end looks at
            its files.
    """

    def __init__(
        self,
        setup: Setup,
        engines: Callable[[int], TextQueue],
        record: Callable[[Report], None],
        *,
        shares_port: bool = False,
    ) -> None:
        ports = 1 if setup.config.http_port is None else 2
        connections = reserve_descriptors(ports * setup.config.max_connections) // ports
        config = setup.config.model_copy(update={"max_connections": connections})
        self._record = record
        self._max_connections = config.max_connections
        self._watching: list[asyncio.Task[None]] = []
        self._is_ready = self._stalled = False
        self._drain_timeout_seconds = config.drain_timeout_seconds
        self._memory = MemoryLimit()
        self.access = Access.of(config)
        self._gate = Gate(max_calls=config.max_concurrent_requests)
        outcomes = Outcomes(record)
        self._engines = engines
        self._shelf = Shelf.of(config.glossaries)
        self._detector = open_detector(config)
        self._translators = {each.number: self._translator(each) for each in setup.models}
        self._serve = setup.serve
        self._failures = setup.failures
        self._catalog = Catalog(self._entries())
        self._observer = build_observer(SERVICE_NAME, config, record)
        rates = None if self.access is None else self.access.limits
        cache = _open_cache(config, record)
        self._routes = Routes(self._catalog, self._detector, config.pivot_languages, cache)
        service = TranslationService(
            self._catalog,
            self._routes,
            LanguageDetection(config, self._detector, rates),
            self._gate,
            outcomes,
            max_stream_texts=config.max_stream_texts,
            default_timeout_seconds=config.default_timeout_seconds,
            max_timeout_seconds=config.max_timeout_seconds,
            access=self.access,
            observer=self._observer,
        )
        self._server = GrpcServer(
            config,
            service,
            lambda: record(Shortage(0.0, 0, floods=1)),
            interfaces=interface_methods(
                config.interfaces, Foundation(config, service, self._shelf)
            ),
            access=self.access,
            shares_port=shares_port,
        )
        self._http: HttpServer | None = None
        if config.http_port is not None:
            self._http = http_server(config, service.methods(), shares_port=shares_port)

    @property
    def http_port(self) -> int | None:
        """Port that HTTP listens on, once started; None where it does not."""
        return None if self._http is None else self._http.port

    @property
    def healthy(self) -> bool:
        """Always: it ends with its process."""
        return True

    @property
    def told(self) -> None:
        """Never: signals come to its process, and are that one's to hear."""

    async def prepare(self, setup: ModelSetup) -> None:
        """Loads what it takes to serve a version, beside its engines.

        Raises:
            BundleError: The tokenizer cannot be read.
        """
        self._translators[setup.number] = await asyncio.to_thread(self._translator, setup)

    async def serve(self, serve: Serve) -> None:
        """Serves these versions from now on; no other one gets any more texts."""
        self._serve = serve
        self._catalog.publish(self._entries())
        self._routes.changed()
        before = self._translators
        self._translators = {number: before[number] for number in serve.numbers}
        self._tell_health()
        dropped = [each for number, each in before.items() if number not in self._translators]
        # Their calls take turns with this one, and there come no new ones.
        while any(translator.is_preparing for translator in dropped):  # noqa: ASYNC110
            await asyncio.sleep(0)
        await self._routes.drop_kept()

    def _translator(self, setup: ModelSetup) -> Translator:
        return Translator(
            setup.manifest,
            setup.model,
            setup.make_tokenizer(),
            self._engines(setup.number),
            self._memory.check,
            shelf=self._shelf,
            detector=self._detector,
            record=self._record,
        )

    def _entries(self) -> list[Entry]:
        numbers, defaults = self._serve
        return [Entry(self._translators[number], number in defaults) for number in numbers]

    async def start(self) -> int:
        """Listens, says that it serves, and returns the port.

        Raises:
            ConfigError: The port is taken, a TLS file is wrong, or calls would have no memory.
        """
        port = await self._server.start()
        certificates = self._server.certificates
        if self._http is not None:
            await self._http.start(self._server.tally, certificates)
        self._memory.check_start()
        observer = self._observer
        spans_lost = (lambda: 0) if observer is None else lambda: observer.spans_lost
        shortages = ShortageWatch(self._record, self._max_connections, spans_lost=spans_lost)
        files: list[Watched] = [] if certificates is None else [certificates.files]
        files += self.access.files if self.access else ()
        files += [] if self._shelf is None else [self._shelf]
        self._watching = [
            asyncio.create_task(shortages.run()),
            asyncio.create_task(watch(files, self._record)),
        ]
        self._is_ready = True
        self._tell_health()
        return port

    def tell_stalled(self, *, stalled: bool) -> None:
        """Says that an engine hangs, or hangs no longer: no requests then, but a restart."""
        self._stalled = stalled
        self._tell_health()

    def tell_failures(self, failures: Mapping[str, str]) -> None:
        """Says which bundles are not served from now on, and why."""
        self._failures = failures
        self._tell_health()

    async def drain(self) -> bool:
        """Refuses new requests and waits for the accepted ones; False if time ran out."""
        self._is_ready = False
        self._tell_health()
        self._gate.close()
        try:
            async with asyncio.timeout(self._drain_timeout_seconds):
                await self._gate.wait_empty()
        except TimeoutError:
            _log.error("drain_timeout", extra={"unanswered_calls": self._gate.calls})
            return False
        await asyncio.sleep(LINGER_SECONDS)
        return True

    def _tell_health(self) -> None:
        """Says how it is, and which models it has."""
        ready = self._is_ready and not self._stalled
        models = [translator.model for translator, _ in self._catalog.entries]
        names = {name for each in models for name in (each.name, f"{each.name}@{each.version}")}
        if self._http is not None:
            self._http.tell_ready(ready=ready and bool(models))
        self._server.tell_health(
            Health(
                ready and bool(models),
                alive=not self._stalled,
                models=names if ready else (),
                failures=self._failures,
            )
        )

    async def close(self) -> None:
        """Closes the port and every connection."""
        for watching in self._watching:
            watching.cancel()
        stopping = [self._server.stop()]
        if self._http is not None:
            stopping.append(self._http.stop())
        await asyncio.gather(*stopping)
        if self._observer is not None:
            await asyncio.to_thread(self._observer.close)

    def kill(self) -> None:
        """Does nothing: it has no processes."""


def _open_cache(config: Config, record: Callable[[Report], None]) -> SentenceCache | None:
    """Returns what keeps translations: of all that may be kept, this process's share."""
    if config.cache_bytes is None:
        return None
    return SentenceCache(config.cache_bytes // max(1, config.workers), record)
