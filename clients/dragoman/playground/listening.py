"""Where the page is served: a port of this process, in the foreground or beside other work.

The door to uvicorn. Does not know what is served.
"""

import asyncio
import socket
import threading
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from dragoman.http_connection import Connection, connections_of
from dragoman.playground.app import TAKE_SECONDS, make_app
from dragoman.playground.connections import Connections, Server

MOST_CONNECTIONS = 128
"""Requests beyond them are told so (503)."""

MOST_TOLD = 32
"""Connections that are told it; others are hung up on, as descriptors are the server's too."""

TICKS = 10
"""Of uvicorn's, between two looks at connections: a second."""

CLOSE_SECONDS = 2
"""For answers that are on their way to end."""

MakeApp = Callable[[], ASGIApp]


class _Bounded(Connection):
    """A connection as long as there are not too many."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS + MOST_TOLD:
            transport.abort()


class _Server(uvicorn.Server):
    """Hangs up on who does not send a request, or take an answer."""

    async def on_tick(self, counter: int) -> bool:
        """Is called by uvicorn ten times a second."""
        if counter % TICKS == 0:
            for connection in connections_of(self.server_state):
                connection.look(TAKE_SECONDS)
        return await super().on_tick(counter)


class Listener:
    """A port that listens at once, and is answered as soon as it is run.

    Args:
        host: Address that it listens on.
        port: 0 lets the system choose.
        make: Returns what answers, on the event loop that it runs on.

    Attributes:
        port: That it listens on.

    Raises:
        OSError: It cannot.
    """

    def __init__(self, host: str, port: int, make: MakeApp) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        self.port: int = self._socket.getsockname()[1]
        self._server = _Server(
            uvicorn.Config(
                make,
                factory=True,
                http=_Bounded,
                ws="none",
                lifespan="on",
                loop="asyncio",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=MOST_CONNECTIONS,
                timeout_graceful_shutdown=CLOSE_SECONDS,
            )
        )

    def run(self) -> None:
        """Answers until `end` is called, or in the main thread until a signal says so."""
        self._server.run(sockets=[self._socket])

    def end(self) -> None:
        """Makes `run` return soon."""
        self._server.should_exit = True


class Beside:
    """The playground in a thread of its own, beside the server that it is for.

    Args:
        host: Address that the page is served on.
        port: 0 lets the system choose.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None

    async def start(self, target: str) -> str:
        """Starts to listen for the server at `target`, which wants no TLS; returns the address.

        Raises:
            OSError: It cannot.
        """

        def make() -> ASGIApp:
            return make_app(Connections(Server(target)), [self._host])

        listener = self._listener = Listener(self._host, self._port, make)
        self._thread = threading.Thread(
            target=listener.run, name="dragoman-playground", daemon=True
        )
        self._thread.start()
        return f"{self._host}:{listener.port}"

    async def close(self) -> None:
        """Closes the port and every connection; does nothing if not started."""
        if self._listener is not None and self._thread is not None:
            self._listener.end()
            await asyncio.to_thread(self._thread.join)
