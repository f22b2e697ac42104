"""HTTP/2 by hand: what no well-behaved client would send.

Knows frames. Headers are packed without a table to refer to, in both directions, so that a block
means the same on any connection. Does not know gRPC's messages beyond their five bytes of prefix.
"""

import asyncio
import contextlib
import struct
from typing import Self

from hpack import Decoder, Encoder

from tests.attacks import guarded

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
ACK = END_STREAM = 1
END_HEADERS = 4
FRAME_BYTES = 16_384
"""That a frame may have."""

_TABLE_SIZE, _WINDOW_SIZE = 1, 4


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Returns a frame."""
    length = struct.pack(">I", len(payload))[1:]
    return length + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(**values: int) -> bytes:
    """Returns the client's first frames."""
    payload = struct.pack(">HI", _TABLE_SIZE, 0)
    if "window" in values:
        payload += struct.pack(">HI", _WINDOW_SIZE, values["window"])
    return PREFACE + frame(SETTINGS, 0, 0, payload)


def headers(path: bytes, *more: tuple[str, str]) -> bytes:
    """Returns the header block that begins a call."""
    encoder = Encoder()
    encoder.header_table_size = 0
    fields: list[tuple[str | bytes, str | bytes]] = [
        (":method", "POST"),
        (":scheme", "http"),
        (b":path", path),
        (":authority", "attack"),
    ]
    fields += [("te", "trailers"), ("content-type", "application/grpc"), *guarded.metadata()]
    fields += more
    return encoder.encode(fields)


def large_header(size: int) -> bytes:
    """Returns what goes after a header block: one more header, its value of so many bytes.

    hpack would pack it, for minutes.
    """
    length, rest = bytes([127]), size - 127
    while rest >= 128:
        length += bytes([rest % 128 | 128])
        rest //= 128
    return b"\0\1x" + length + bytes([rest]) + b"a" * size


def header_frames(stream: int, block: bytes) -> bytes:
    """Returns the frames that begin a call, as many as its headers need."""
    pieces = [block[at : at + FRAME_BYTES] for at in range(0, len(block), FRAME_BYTES)]
    kinds = [HEADERS] + [CONTINUATION] * (len(pieces) - 1)
    flags = [0] * (len(pieces) - 1) + [END_HEADERS]
    return b"".join(
        frame(kind, flag, stream, piece)
        for kind, flag, piece in zip(kinds, flags, pieces, strict=True)
    )


def message(content: bytes) -> bytes:
    """Returns the payload that holds one message."""
    return b"\0" + struct.pack(">I", len(content)) + content


def reset(stream: int) -> bytes:
    """Returns the frame that cancels a stream."""
    return frame(RESET, 0, stream, struct.pack(">I", 8))


class Connection:
    """A connection that reads all that comes, and sends what it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._next_stream = 1

    @classmethod
    async def open(cls, address: str, **values: int) -> Self:
        """Connects; `window` is what the server may send on a stream."""
        host, port = address.rsplit(":", 1)
        host = host.strip("[]")
        connection = cls(*await asyncio.open_connection(host, int(port)))
        connection.send(settings(**values))
        return connection

    def send(self, data: bytes) -> None:
        """Sends bytes."""
        self._writer.write(data)

    async def drain(self) -> None:
        """Waits until most of what was sent has left; raises OSError where nobody takes it."""
        await self._writer.drain()

    def send_headers(self, path: str, *, end: bool = False) -> int:
        """Begins a call; returns its stream."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        flags = END_HEADERS | (END_STREAM if end else 0)
        block = headers(path.encode("utf-8", "surrogateescape"))
        self.send(frame(HEADERS, flags, stream, block))
        return stream

    def send_message(self, stream: int, content: bytes) -> None:
        """Sends a call's only message."""
        self.send(frame(DATA, END_STREAM, stream, message(content)))

    async def status_of(self, stream: int) -> tuple[str, str]:
        """Returns `grpc-status` and `grpc-message` of a stream, once it ends."""
        while True:
            kind, flags, number, payload = await self.frame()
            if (kind, number) == (HEADERS, stream) and flags & END_STREAM:
                fields = dict(Decoder().decode(payload, raw=True))
                return fields[b"grpc-status"].decode(), fields.get(b"grpc-message", b"").decode()

    async def reset_of(self, stream: int) -> bool:
        """Returns True once the server has reset the stream."""
        while True:
            kind, _, number, _ = await self.frame()
            if (kind, number) == (RESET, stream):
                return True

    async def acknowledge_settings(self) -> None:
        """Reads the server's settings and says so: its limits hold for who knows them."""
        while True:
            kind, flags, _, _ = await self.frame()
            if kind == SETTINGS and not flags & ACK:
                return self.send(frame(SETTINGS, ACK, 0, b""))

    async def frame(self) -> tuple[int, int, int, bytes]:
        """Returns the next frame: its kind, flags, stream and payload."""
        head = await self._reader.readexactly(9)
        payload = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
        return head[3], head[4], int.from_bytes(head[5:], "big"), payload

    async def closed(self) -> None:
        """Reads until the server hangs up."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                await self.frame()

    async def close(self) -> None:
        """Hangs up."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
