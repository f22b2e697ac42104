"""Messages that never end: of each the server is sent as much as it takes."""

import asyncio
import contextlib
import struct
import time

from tests.attacks import http2
from tests.attacks.http2 import ACK, Connection

SERVICE = "/dragoman.v1.TranslationService/"

LENGTH = 250_000
"""That each message is said to have."""
SENT = 240_000
"""Bytes of it that come."""

_PIECE = 16_384
_FIRST_WINDOW = 65_535
_INITIAL_WINDOW = 4
"""Of HTTP/2's settings."""


class _Pourer:
    """One connection and its streams, with what the server still takes of each."""

    def __init__(self, connection: Connection, path: str, streams: int) -> None:
        self._connection = connection
        self._first_window = self._window = _FIRST_WINDOW
        self._windows: dict[int, int] = {}
        self._left: dict[int, int] = {}
        for _ in range(streams):
            stream = connection.send_headers(path)
            self._windows[stream], self._left[stream] = _FIRST_WINDOW, SENT
            self._send(stream, struct.pack(">BI", 0, LENGTH))

    async def run(self) -> None:
        """Never returns."""
        while True:
            self._hear(*await self._connection.frame())
            for stream in self._left:
                while size := min(_PIECE, self._left[stream], self._windows[stream], self._window):
                    self._send(stream, bytes(size))
                    self._left[stream] -= size

    def _send(self, stream: int, data: bytes) -> None:
        self._connection.send(http2.frame(http2.DATA, 0, stream, data))
        self._window -= len(data)
        self._windows[stream] -= len(data)

    def _hear(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == http2.SETTINGS and not flags & ACK:
            settings = dict(struct.iter_unpack(">HI", payload))
            self._widen(settings.get(_INITIAL_WINDOW, self._first_window))
            self._connection.send(http2.frame(http2.SETTINGS, ACK, 0, b""))
        elif kind == http2.PING and not flags & ACK:
            self._connection.send(http2.frame(http2.PING, ACK, 0, payload))
        elif kind == http2.WINDOW:
            (more,) = struct.unpack(">I", payload)
            if not stream:
                self._window += more
            elif stream in self._windows:
                self._windows[stream] += more
        elif kind in {http2.RESET, http2.HEADERS}:
            self._left.pop(stream, None)

    def _widen(self, first_window: int) -> None:
        for stream in self._windows:
            self._windows[stream] += first_window - self._first_window
        self._first_window = first_window


def half_messages(
    address: str, until: float, *, method: str, connections: int, streams: int
) -> None:
    """Begins messages on each connection, and ends none; reads what the server says."""

    async def pour() -> None:
        connection = await Connection.open(address, window=1 << 30)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await _Pourer(connection, SERVICE + method, streams).run()
        finally:
            await connection.close()

    async def pour_all() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(until - time.monotonic()):
                await asyncio.gather(*(pour() for _ in range(connections)))

    asyncio.run(pour_all())
