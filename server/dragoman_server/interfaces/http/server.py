"""The HTTP server of a front end: its paths, its port, how it is.

Knows what is allowed and where it listens. Does not know when to start or stop: front_end.py does.
"""

import asyncio
import ssl
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dragoman_server.config import Config
from dragoman_server.errors import ConfigError
from dragoman_server.interfaces.http import deepl, openai
from dragoman_server.interfaces.http.answering import Asker
from dragoman_server.interfaces.http.bodies import Bodies
from dragoman_server.interfaces.http.libretranslate import LibreTranslate
from dragoman_server.interfaces.http.listening import Bounds, Listener
from dragoman_server.interfaces.http.pages import Pages
from dragoman_server.rpc import LocalCalls, Method, Tally
from dragoman_server.service import FLUSH_SECONDS, Certificates, bind_port
from dragoman_server.setting_types import is_this_machine

BUSY = ("/translate", "/v2/translate", "/v1/chat/completions")
"""Paths that are looked for first, as they are tried one after the other."""


class HttpServer:
    """Listens for requests, on the event loop that it is started on.

    Args:
        config: Where it listens, and what it takes in.
        methods: Of this server, by their paths.
        shares_port: Whether other processes listen on the same port.

    Attributes:
        port: That it listens on, once started.
    """

    def __init__(
        self,
        config: Config,
        methods: Mapping[str, Method],
        *,
        shares_port: bool = False,
    ) -> None:
        assert config.http_port is not None
        self.port = config.http_port
        self._config = config
        self._shares_port = shares_port
        self._is_ready = False
        self._loop: asyncio.AbstractEventLoop | None = None
        bounds = Bounds(
            config.max_connections, config.max_header_bytes, config.message_timeout_seconds
        )
        self._methods = methods
        self._bounds = bounds
        self._listener: Listener | None = None

    async def start(self, tally: Tally, certificates: Certificates | None) -> None:
        """Starts to listen.

        Args:
            tally: Of the calls that are open.
            certificates: For TLS; None for plain text.

        Raises:
            ConfigError: The port is taken, or a TLS file is unreadable or wrong.
        """
        config, self._loop = self._config, asyncio.get_running_loop()
        self._listener = Listener(self._app(tally), self._bounds)
        context = None
        if certificates is not None:
            context = certificates.context()
            certificates.follow(self._renew)
        bound = bind_port(config.http_host, self.port, shared=self._shares_port, server="HTTP")
        self.port = bound.getsockname()[1]
        try:
            await self._listener.start(bound, context)
        except OSError as error:
            where = f"{config.http_host}:{self.port}"
            raise ConfigError(f"HTTP cannot listen on {where}: {error.strerror}") from None

    def tell_ready(self, *, ready: bool) -> None:
        """Tells health checks whether it serves."""
        self._is_ready = ready

    async def stop(self) -> None:
        """Closes the port and every connection; does nothing if not started."""
        if self._listener is not None:
            await self._listener.stop(FLUSH_SECONDS)

    def _renew(self, context: ssl.SSLContext) -> None:
        """Takes connections with these certificates from now on; in any thread."""
        assert self._listener is not None
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._listener.renew, context)

    def _app(self, tally: Tally) -> Starlette:
        config = self._config
        asker = Asker(
            LocalCalls(self._methods, tally, streams=config.max_concurrent_streams),
            Bodies(
                config.message_bytes,
                config.message_timeout_seconds,
                most_texts=config.max_contents,
            ),
            Pages(by_any_name=config.controls_access or not is_this_machine(config.http_host)),
        )
        libretranslate = LibreTranslate(
            most_code_points=config.max_code_points, needs_key=config.controls_access
        )
        health = Route("/health", self._health, methods=["GET"])
        routes = [
            *libretranslate.routes(asker),
            *deepl.routes(asker),
            *openai.routes(asker),
            health,
        ]
        routes.sort(key=lambda route: route.path not in BUSY)
        app = Starlette(routes=routes, exception_handlers={HTTPException: _no_such_path})
        app.router.redirect_slashes = False  # it would lead to whichever Host a client says
        return app

    async def _health(self, request: Request) -> Response:  # noqa: ARG002  starlette's way
        if self._is_ready:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "not serving"}, 503)


async def _no_such_path(request: Request, error: Exception) -> Response:
    """Says so in the words of all interfaces, as nobody knows whose client it is."""
    assert isinstance(error, HTTPException)
    message = f"{request.method!a} {request.url.path[:80]!a}: {error.detail}"
    told = {"error": {"message": message, "type": "invalid_request_error"}, "message": message}
    return JSONResponse(told, error.status_code, error.headers)
