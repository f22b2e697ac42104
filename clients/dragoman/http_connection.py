"""A connection that HTTP comes over: who sends what is none, or is too slow, is hung up on.

The door to h11, and to what uvicorn makes of it. Knows bytes and times. Does not know what is asked
for.
"""

import asyncio
from contextlib import suppress
from typing import cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

READ_BYTES = 16 * 1024
"""That are looked at before others have their turn: a body may come in chunks of a byte each."""

SMALL_BYTES, MOST_SMALL = 64, 512
"""Of a chunk, and chunks of less in a request: h11 takes as long for one as for a large one."""


class _Reader(h11.Connection):
    """Reads requests; refuses bodies in chunks that take too much time to read."""

    refusal = ""
    """Why it does."""
    _small = 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """See h11.Connection."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._small = 0
        elif isinstance(event, h11.Data) and event.chunk_start and event.chunk_end:
            self._small += len(event.data) < SMALL_BYTES
            if self._small > MOST_SMALL:
                self.refusal = (
                    f"The body has more than {MOST_SMALL} chunks of less than {SMALL_BYTES} bytes."
                )
                raise h11.RemoteProtocolError(self.refusal)
        return event


class Connection(H11Protocol, asyncio.BufferedProtocol):
    """One connection, that knows how long it has waited for its client.

    Args:
        config: uvicorn's.
        server_state: Of all connections.
        app_state: What the state of a request's scope has.
        _loop: That it is used on; the one that runs where None.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        most = config.h11_max_incomplete_event_size
        self.conn: _Reader = _Reader(h11.SERVER) if most is None else _Reader(h11.SERVER, most)
        self._buffer = memoryview(b"")
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
        self._waits_since = self.loop.time()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """See asyncio.BufferedProtocol."""
        self._buffer = memoryview(bytearray(READ_BYTES))
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """See asyncio.BufferedProtocol."""
        data, self._buffer = self._buffer[:nbytes].tobytes(), memoryview(b"")
        self.data_received(data)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        super().data_received(data)
        if self.is_asked:
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        """Says that this is no HTTP, where what came before it leaves room to."""
        if self.cycle is not None:
            self.cycle.disconnected = True  # whoever answers it is to say no more
            self.cycle.message_event.set()
        with suppress(h11.LocalProtocolError):  # it is answered already, or asks for headers alone
            super().send_400_response(self.conn.refusal or msg)
        self.transport.close()

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


def connections_of(state: ServerState) -> list[Connection]:
    """Returns those that are open, where uvicorn was told to make them."""
    return cast("list[Connection]", list(state.connections))
