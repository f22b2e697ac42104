"""Messages between two processes of one server, over a socket.

Knows bytes and pickles. Does not know what a message says. Both ends are this server's own: nothing
that comes from outside is unpickled.
"""

import asyncio
import pickle
import struct
import sys
from collections.abc import Sequence
from socket import socket
from typing import Protocol, Self, cast

_LENGTH = struct.Struct("<I")


def command(module: str, end: socket) -> list[str]:
    """Returns what starts a module of this package in a process that has one end of a pair."""
    # -P: the directory that this process runs in is no place for modules.
    return [sys.executable, "-P", "-m", module, str(end.fileno())]


class Reader(Protocol):
    """What is told of the other end."""

    def received(self, message: object) -> None:
        """A message came."""

    def lost(self) -> None:
        """The other end is gone; nothing more comes."""


def pack(messages: Sequence[object]) -> bytes:
    """Returns messages as they travel, all in one piece."""
    packed = pickle.dumps(messages, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(packed)) + packed


class Unpacker:
    """Finds messages in the pieces that come of a stream."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> list[object]:
        """Returns what has come completely with another piece."""
        self._received += data
        messages: list[object] = []
        start, size = 0, _LENGTH.size
        while len(self._received) - start >= size:
            (length,) = _LENGTH.unpack_from(self._received, start)
            end = start + size + length
            if len(self._received) < end:
                break
            with memoryview(self._received)[start + size : end] as packed:
                messages += pickle.loads(packed)  # noqa: S301  our own process sent it
            start = end
        del self._received[:start]
        return messages


class Link(asyncio.Protocol):
    """One end. What is sent within one turn of the event loop travels together.

    A message is never refused or waited for: how many there are is bounded by the texts that the
    queue holds.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None
        self._outbox: list[object] = []
        self._unpacker = Unpacker()

    @classmethod
    async def open(cls, end: socket, reader: Reader) -> Self:
        """Returns a link over one socket of a pair, which it owns from now on."""
        _, link = await asyncio.get_running_loop().create_unix_connection(
            lambda: cls(reader), sock=end
        )
        return link

    def send(self, message: object) -> None:
        """Sends a message; does nothing once the other end is gone."""
        if not self._outbox:
            self._loop.call_soon(self._flush)
        self._outbox.append(message)

    def close(self) -> None:
        """Sends what is left, then closes."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def _flush(self) -> None:
        if self._outbox and self._transport is not None:
            self._transport.write(pack(self._outbox))
        self._outbox.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        for message in self._unpacker.feed(data):
            self._reader.received(message)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """See asyncio.Protocol."""
        self._transport = None
        self._reader.lost()
