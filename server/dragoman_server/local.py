"""Translates in this process, without gRPC: what `dragoman serve` builds, behind an iterator.

Knows how the parts are put together, and owns the event loop that they live on. Does not know
what a request may ask, which is the Translator's to say, nor how an engine works.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Coroutine, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import islice
from typing import Any, Protocol, Self, TypeVar

import uvloop

from dragoman.v1.translation_pb2 import Model, StreamTranslateTextRequest, Translation
from dragoman_server.assemble import Loader
from dragoman_server.config import Config
from dragoman_server.detection import LanguageDetector, open_detector
from dragoman_server.errors import BackendError, ConfigError, DragomanError
from dragoman_server.monitoring import Metrics
from dragoman_server.pool import find_bundle
from dragoman_server.service import Catalog, Entry, Routes, Translator
from dragoman_server.terminology import Shelf

CONCURRENCY = 1024
"""Texts in flight. More than the rows of a few engines: what is translated waits for its turn in
the order, so fewer are running than are in flight."""

CHUNK = 32
"""Texts that are handed to the event loop at a time: waking it costs as much as a short text."""

TextOutcome = Translation | DragomanError

_Result = TypeVar("_Result")


class Engines(Protocol):
    """What is needed of an AsyncEngine, beside what the Translator needs of it."""

    @property
    def healthy(self) -> bool:
        """False once an engine thread has died."""


class LocalTranslator:
    """Translates texts with one bundle. Threads may share one.

    Its engines' queue holds `max_queue_size` texts. Where streams together have more than that in
    flight, texts that find no room end in QueueFullError.

    Attributes:
        model: The model as ListModels tells it.
    """

    def __init__(
        self,
        translator: Translator,
        engines: Engines,
        loop: asyncio.AbstractEventLoop,
        detector: LanguageDetector | None = None,
    ) -> None:
        self.model: Model = translator.model
        self._routes = Routes(Catalog([Entry(translator, is_default=True)]), detector)
        self._engines = engines
        self._loop = loop

    @classmethod
    @contextmanager
    def open(cls, config: Config) -> Iterator[Self]:
        """Loads the bundle and runs its engines while the context is open.

        Of the settings, those about ports, calls and logs do nothing here.

        Raises:
            BundleError, ConfigError: As `dragoman serve` reports them.
        """
        if len(config.bundle) != 1:
            raise ConfigError("bundle is wanted, and one alone")
        detector = open_detector(config)
        shelf = Shelf.of(config.glossaries)
        loaded = Loader(config, Metrics())(find_bundle(config.bundle[0]), number=1)
        engine, setup = loaded.engine, loaded.setup
        translator = Translator(
            setup.manifest,
            setup.model,
            setup.make_tokenizer(),
            engine,
            shelf=shelf,
            detector=detector,
        )
        with _running_loop() as loop:
            try:
                _call(loop, engine.start()).result()
                yield cls(translator, engine, loop, detector)
            finally:
                _call(loop, engine.close()).result()

    def translate_stream(
        self,
        requests: Iterable[StreamTranslateTextRequest],
        *,
        max_concurrency: int = CONCURRENCY,
    ) -> Generator[TextOutcome, None, None]:
        """Translates texts from an iterable of any length; yields an outcome for each, in order.

        The iterable is read no further than `max_concurrency` texts ahead of the outcomes taken.
        A text that fails does not end the stream. Closing it takes its texts out of the engines.
        The ids of the requests are not looked at, and partial results are not given.

        Raises:
            ValueError: `max_concurrency` is less than 1.
            BackendError: An engine died; what was yielded before holds.
        """
        if max_concurrency < 1:
            raise ValueError(f"max_concurrency must be at least 1, not {max_concurrency}")
        return self._outcomes(iter(requests), max_concurrency)

    def _outcomes(
        self, requests: Iterator[StreamTranslateTextRequest], most: int
    ) -> Generator[TextOutcome, None, None]:
        size = min(CHUNK, most)
        pending: deque[Future[list[TextOutcome]]] = deque()
        try:
            while chunk := list(islice(requests, size)):
                pending.append(_call(self._loop, self._translate(chunk)))
                if len(pending) == most // size:
                    yield from self._finish(pending.popleft())
            while pending:
                yield from self._finish(pending.popleft())
        finally:
            for unfinished in pending:
                unfinished.cancel()

    def _finish(self, chunk: Future[list[TextOutcome]]) -> list[TextOutcome]:
        outcomes = chunk.result()
        if not self._engines.healthy:
            raise BackendError("an engine died; the log says why")
        return outcomes

    async def _translate(self, chunk: list[StreamTranslateTextRequest]) -> list[TextOutcome]:
        return await asyncio.gather(*map(self._outcome, chunk))

    async def _outcome(self, request: StreamTranslateTextRequest) -> TextOutcome:
        try:
            return await self._routes.find(request).translate_text(request)
        except DragomanError as error:
            return error


@contextmanager
def _running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread of its own while the context is open."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="local-translator", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _call(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, _Result]
) -> Future[_Result]:
    return asyncio.run_coroutine_threadsafe(coroutine, loop)
