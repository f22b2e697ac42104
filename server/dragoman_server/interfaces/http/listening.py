"""A port on which an ASGI application is served, on the event loop that it is started on.

The door to uvicorn. There is so much time to send a request and to take an answer: who needs more
is hung up on. Does not know what is served.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import NamedTuple

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from dragoman.http_connection import Connection, connections_of

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
    """At once, those in the midst of a handshake among them; one beyond them is closed."""
    header_bytes: int
    """Of a request."""
    seconds: float
    """For a request's headers to arrive, and for what is sent to be taken."""


class Known(Connection):
    """A connection whose requests say with which certificate it was made.

    Args:
        config: uvicorn's.
        server_state: Of all connections that are made.
        beginning: Those that are not; it is among them until it is.
    """

    def __init__(
        self, config: uvicorn.Config, server_state: ServerState, beginning: set["Known"]
    ) -> None:
        super().__init__(config, server_state, {})
        self._beginning = beginning
        beginning.add(self)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self._beginning.discard(self)
        self.app_state = {CERTIFICATE_NAMES: self._certificate_names()}

    def _certificate_names(self) -> Sequence[str]:
        """Returns the URI and DNS names of the client's certificate, else its common name."""
        shown = self.transport.get_extra_info("peercert") or {}
        others = shown.get("subjectAltName", ())
        names = [name for kind in ("URI", "DNS") for key, name in others if key == kind]
        subject = [each for part in shown.get("subject", ()) for each in part]
        return names or [name for key, name in subject if key == "commonName"]


class Listener:
    """Serves an application.

    Args:
        app: Answers requests.
        bounds: To them.
    """

    def __init__(self, app: ASGIApp, bounds: Bounds) -> None:
        self._config = uvicorn.Config(
            app,
            http=Known,
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
        self._context: ssl.SSLContext | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._opening: set[asyncio.Task[None]] = set()
        self._beginning: set[Known] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def start(self, bound: socket.socket, context: ssl.SSLContext | None) -> None:
        """Listens on a socket, which is its own from now on.

        Raises:
            OSError: It cannot.
        """
        bound.setblocking(False)
        bound.listen(BACKLOG)
        self.renew(context)
        self._accepting = asyncio.create_task(self._accept(bound))
        self._look()

    def renew(self, context: ssl.SSLContext | None) -> None:
        """Takes connections with these certificates from now on; those that are open stay."""
        self._context = context

    async def stop(self, grace_seconds: float) -> None:
        """Closes the port and every connection; what is answered has so much time to be taken."""
        if self._accepting is None or self._sweep is None:
            return
        self._sweep.cancel()
        starting = {self._accepting, *self._opening}
        for each in starting:
            each.cancel()
        await asyncio.wait(starting)
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

    async def _accept(self, bound: socket.socket) -> None:
        """Takes connections, as long as there may be more."""
        loop = asyncio.get_running_loop()
        with bound:
            while True:
                try:
                    accepted, _ = await loop.sock_accept(bound)
                except OSError:  # no descriptor is left: some connection will end
                    await asyncio.sleep(SWEEP_SECONDS)
                    continue
                if len(self._state.connections) + len(self._beginning) >= self._bounds.connections:
                    accepted.close()
                    continue
                connection = Known(self._config, self._state, self._beginning)
                task = asyncio.create_task(self._open(accepted, connection))
                self._opening.add(task)
                task.add_done_callback(self._opening.discard)

    async def _open(self, accepted: socket.socket, connection: Known) -> None:
        """Begins a connection, whose client may know nothing of TLS, or not trust this server."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=None if self._context is None else HANDSHAKE_SECONDS,
            )
        except OSError:
            pass
        finally:
            self._beginning.discard(connection)

    @property
    def _connections(self) -> list[Connection]:
        return connections_of(self._state)

    def _look(self) -> None:
        for connection in self._connections:
            connection.look(self._bounds.seconds)
        self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._look)
