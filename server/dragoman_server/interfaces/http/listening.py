"""A port on which an ASGI application is served, on the event loop that it is started on.

The door to uvicorn. There is so much time to send a request and to take an answer: who needs more
is hung up on. Does not know what is served.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

CERTIFICATE_NAMES = "certificate_names"
"""Where the state of a request's scope has those that its connection was made with."""

KEEP_ALIVE_SECONDS = 75
"""For a connection without a request: longer than the pools of usual clients keep one."""

SWEEP_SECONDS = 1.0

BACKLOG = 1024
"""Connections that the kernel keeps until they are taken."""

HANDSHAKE_SECONDS = 10.0
"""For TLS."""


class Bounds(NamedTuple):
    """To what is taken in."""

    connections: int
    """At once; one beyond them is closed."""
    header_bytes: int
    """Of a request."""
    seconds: float
    """For a request's headers to arrive, and for what is sent to be taken."""


class Connection(H11Protocol):
    """One connection, that knows how long it has waited for its client.

    Args:
        config: uvicorn's.
        state: Of all connections.
        most: Connections that there may be.
    """

    def __init__(self, config: uvicorn.Config, state: ServerState, most: int) -> None:
        super().__init__(config, state, {})
        self._most = most
        self._waits_since: float | None = None
        """For the rest of a request's headers."""
        self._unread_since: float | None = None
        """What was sent, by whoever is to read it."""

    @property
    def is_asked(self) -> bool:
        """Whether it has a request without an answer."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self.app_state = {CERTIFICATE_NAMES: self._certificate_names()}
        self._waits_since = self.loop.time()
        if len(self.connections) > self._most:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        super().data_received(data)
        if self.is_asked:
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = self.loop.time()

    def _certificate_names(self) -> Sequence[str]:
        """Returns the URI and DNS names of the client's certificate, else its common name."""
        shown = self.transport.get_extra_info("peercert") or {}
        others = shown.get("subjectAltName", ())
        names = [name for kind in ("URI", "DNS") for key, name in others if key == kind]
        subject = [each for part in shown.get("subject", ()) for each in part]
        return names or [name for key, name in subject if key == "commonName"]

    def look(self, seconds: float) -> None:
        """Hangs up where its client takes more than so many seconds."""
        now = self.loop.time()
        if not self.transport.get_write_buffer_size():
            self._unread_since = None
        elif self._unread_since is None:
            self._unread_since = now
        since = [each for each in (self._waits_since, self._unread_since) if each is not None]
        if since and now - min(since) > seconds:
            self.transport.abort()


class Listener:
    """Serves an application.

    Args:
        app: Answers requests.
        bounds: To them.
    """

    def __init__(self, app: ASGIApp, bounds: Bounds) -> None:
        self._config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            h11_max_incomplete_event_size=bounds.header_bytes,
        )
        self._config.load()
        self._bounds = bounds
        self._state = ServerState()
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None

    async def start(self, bound: socket.socket, context: ssl.SSLContext | None) -> None:
        """Listens on a socket, which is its own from now on.

        Raises:
            OSError: It cannot.
        """
        self._socket = bound
        await self.listen(context)
        self._look()

    async def listen(self, context: ssl.SSLContext | None) -> None:
        """Takes connections with these certificates from now on; those that are open stay."""
        assert self._socket is not None
        before = self._server
        self._server = await asyncio.get_running_loop().create_server(
            partial(Connection, self._config, self._state, self._bounds.connections),
            sock=self._socket.dup(),
            backlog=BACKLOG,
            ssl=context,
            ssl_handshake_timeout=None if context is None else HANDSHAKE_SECONDS,
        )
        if before is not None:
            before.close()

    async def stop(self, grace_seconds: float) -> None:
        """Closes the port and every connection; what is answered has so much time to be taken."""
        if self._server is None or self._socket is None or self._sweep is None:
            return
        self._server.close()
        self._socket.close()
        self._sweep.cancel()
        for connection in self._connections:
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(set(self._state.tasks), timeout=grace_seconds)
        for task in set(self._state.tasks):
            task.cancel()
        if self._state.tasks:
            await asyncio.wait(set(self._state.tasks))
        for connection in self._connections:
            connection.transport.abort()

    @property
    def _connections(self) -> list[Connection]:
        return cast("list[Connection]", list(self._state.connections))

    def _look(self) -> None:
        for connection in self._connections:
            connection.look(self._bounds.seconds)
        self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._look)
