"""The page's HTTP application: its files, the models, and translations as they grow.

    GET  /                  the page, and beside it its style and scripts
    GET  /api/models        {"models": [...]} or {"error": ...}
    POST /api/translate     {"text": ..., "options": {...}}; answers a line of JSON for each
                            partial_text, and a last one with the translation or the error

The door to starlette. Who may ask is gate.py's to say.
"""

import asyncio
import contextlib
import importlib.resources
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from typing import Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from dragoman.errors import DragomanError
from dragoman.playground.answers import event, models_answer, refusal
from dragoman.playground.asked import Asked, NotAskedError, key_of, read
from dragoman.playground.connections import Translator
from dragoman.playground.gate import Gate

MOST_TRANSLATIONS = 32
"""At a time, of all visitors; one who types has one."""

TAKE_SECONDS = 10.0
"""For a visitor to take a line."""

MEDIA_TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}

NOT_KEPT = {"cache-control": "no-store"}


class Clients(Protocol):
    """What is needed of Connections."""

    def translator(self, key: str | None) -> contextlib.AbstractAsyncContextManager[Translator]:
        """Gives a client with a key."""

    async def close(self) -> None:
        """Ends its calls."""


def make_app(clients: Clients, hosts: Iterable[str] = ()) -> Starlette:
    """Returns the application.

    Args:
        clients: Of the server that translates; closed with the application.
        hosts: Names under which the page is reached, beside localhost and any IP address.
    """
    api = _Api(clients)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await clients.close()

    return Starlette(
        routes=[
            *_files(),
            Route("/api/models", api.models, methods=["GET"]),
            Route("/api/translate", api.translate, methods=["POST"]),
        ],
        middleware=[Middleware(Gate, hosts=hosts)],
        lifespan=lifespan,
    )


class _Api:
    """Answers what the page asks for."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._free = MOST_TRANSLATIONS

    async def models(self, request: Request) -> Response:
        try:
            async with self._clients.translator(key_of(request)) as translator:
                return models_answer(await translator.models())
        except DragomanError as error:
            return models_answer(error)

    async def translate(self, request: Request) -> Response:
        try:
            asked = await read(request)
        except NotAskedError as error:
            return refusal(error.status, error.reason, str(error))
        except ClientDisconnect:
            return Response()
        if not self._free:
            message = f"the page translates {MOST_TRANSLATIONS} texts already, which is the most"
            return refusal(503, "TOO_MANY_TRANSLATIONS", message)
        self._free -= 1
        return _Growing(self._lines(asked, key_of(request)), self._end)

    def _end(self) -> None:
        self._free += 1

    async def _lines(self, asked: Asked, key: str | None) -> AsyncGenerator[bytes, None]:
        """Yields an answer's lines; closed before its end, it gives the text up."""
        try:
            async with self._clients.translator(key) as translator:
                growing = translator.translate_incrementally(asked.text, **asked.options)
                async with contextlib.aclosing(growing):
                    async for increment in growing:
                        yield event(increment)
        except DragomanError as error:
            yield event(error)


class _Growing(StreamingResponse):
    """Lines that are sent as they come, and given up where nobody takes them.

    Args:
        lines: Closed when this ends.
        ended: Called then.
    """

    def __init__(self, lines: AsyncGenerator[bytes, None], ended: Callable[[], None]) -> None:
        super().__init__(lines, media_type="application/x-ndjson", headers=NOT_KEPT)
        self._lines = lines
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends them."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(TAKE_SECONDS):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        except TimeoutError:
            return
        finally:
            self._ended()
            await self._lines.aclose()


def _files() -> list[Route]:
    """Returns a route for each of the page's files, which are read now."""
    files = importlib.resources.files("dragoman.playground") / "page"
    return [_file(file.name, file.read_bytes()) for file in files.iterdir()]


def _file(name: str, content: bytes) -> Route:
    media_type = MEDIA_TYPES[name.rpartition(".")[2]]

    async def send(_: Request) -> Response:
        return Response(content, media_type=media_type, headers={"cache-control": "no-cache"})

    return Route("/" if name == "index.html" else f"/{name}", send, methods=["GET"])
