"""What one connection, or a few, can send for as long as they like.

Each flood goes on until `until`, in seconds of the monotonic clock, and reads nothing unless it
says so. Where the server hangs up on frames that go on and on, they go on over a new connection.
"""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from dragoman.v1.translation_pb2 import TranslateTextRequest
from tests.attacks import http2

METHOD = b"/dragoman.v1.TranslationService/TranslateText"
HEADERS = http2.headers(METHOD)
TEXT = TranslateTextRequest(contents=["where is the house by the river"]).SerializeToString()

LARGE_HEADERS = http2.header_frames(1, HEADERS + http2.large_header(1 << 20))
FULL_HEADERS = http2.header_frames(1, HEADERS + http2.large_header(15_000))
SMALL_HEADERS = b"\0\1x\1a" * 200

KNOWING = http2.settings(window=1 << 30) + http2.frame(http2.SETTINGS, http2.ACK, 0, b"")
"""Begins a connection for which the server's limits hold: it says that it has them."""

UNKNOWING = http2.settings(window=1 << 30)

AT_ONCE = 50
"""Frames of a kind in one piece."""

# What asks for no answer's flow control: the server may send as much as it likes.
WIDE = 1 << 30


def resets(address: str, until: float) -> int:
    """Opens streams and cancels each at once; reads. Returns how many."""
    count = 0
    while time.monotonic() < until:
        with _connected(address) as connection:
            _read_forever(connection)
            first, is_open = 1, _sent(connection, http2.settings(window=WIDE), until)
            while is_open and time.monotonic() < until:
                streams = range(first, first + 2 * AT_ONCE, 2)
                first = streams.stop
                is_open = _sent(connection, b"".join(map(_opened_and_reset, streams)), until)
            count += first // 2
    return count


def unread_calls(address: str, until: float, *, connections: int, calls: int) -> None:
    """Makes calls on each connection whose answers have no room to be sent into."""
    with ExitStack() as stack:
        for _ in range(connections):
            connection = stack.enter_context(_connected(address))
            connection.sendall(http2.settings(window=0))
            for first in range(1, 2 * calls, 2 * AT_ONCE):
                streams = range(first, first + 2 * AT_ONCE, 2)
                if not _sent(connection, b"".join(map(_call, streams)), until):
                    break
        _wait(until)


def headers_only(address: str, until: float, *, connections: int, calls: int) -> None:
    """Begins calls whose message never comes."""
    with ExitStack() as stack:
        for _ in range(connections):
            connection = stack.enter_context(_connected(address))
            connection.sendall(http2.settings(window=WIDE))
            _sent(connection, b"".join(map(_headers, range(1, 2 * calls, 2))), until)
        _wait(until)


def large_headers(address: str, until: float, *, connections: int, start: bytes) -> None:
    """Begins calls of large headers whose message never comes, on each connection.

    Args:
        address: The server's.
        until: Seconds of the monotonic clock.
        connections: At once.
        start: Of each connection: KNOWING, or UNKNOWING for whom no limit holds yet.
    """

    def send() -> None:
        while time.monotonic() < until:
            with _connected(address) as connection:
                is_open, stream = _sent(connection, start, until), 1
                while is_open and time.monotonic() < until:
                    is_open = _sent(connection, _on(stream, LARGE_HEADERS), until)
                    stream += 2

    threads = [threading.Thread(target=send) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def full_headers(address: str, until: float, *, connections: int, calls: int) -> None:
    """Begins calls whose headers are as large as allowed and whose message never comes; reads."""
    with ExitStack() as stack:
        for _ in range(connections):
            connection = stack.enter_context(_connected(address))
            _read_forever(connection)
            frames = (_on(stream, FULL_HEADERS) for stream in range(1, 2 * calls, 2))
            _sent(connection, KNOWING + b"".join(frames), until)
        _wait(until)


def endless_headers(address: str, until: float) -> None:
    """Begins one call whose headers never end."""
    start = http2.frame(http2.SETTINGS, http2.ACK, 0, b"")
    start += http2.frame(http2.HEADERS, 0, 1, HEADERS)
    _repeat(address, http2.frame(http2.CONTINUATION, 0, 1, SMALL_HEADERS), until, start)


def unknown_frames(address: str, until: float) -> None:
    """Sends frames of a kind that nobody knows, and that are to be skipped."""
    _repeat(address, http2.frame(0xBB, 0, 0, b"attacked"), until)


def priorities(address: str, until: float) -> None:
    """Says which stream goes before which, again and again."""
    _repeat(address, http2.frame(2, 0, 1, struct.pack(">IB", 0, 1)), until)


def pings(address: str, until: float) -> None:
    """Sends pings."""
    _repeat(address, http2.frame(http2.PING, 0, 0, b"attacked"), until)


def settings(address: str, until: float) -> None:
    """Changes its mind about the settings, again and again."""
    payload = struct.pack(">HI", 3, 100)
    _repeat(address, http2.frame(http2.SETTINGS, 0, 0, payload), until)


def window_updates(address: str, until: float) -> None:
    """Widens the connection's window by one byte, again and again; that of a stream likewise."""
    update = http2.frame(http2.WINDOW, 0, 0, struct.pack(">I", 1))
    _repeat(address, update, until)


def empty_messages(address: str, until: float) -> None:
    """Sends frames without data on one stream."""
    start = _headers(1)
    _repeat(address, http2.frame(http2.DATA, 0, 1, b""), until, start)


def _repeat(address: str, piece: bytes, until: float, start: bytes = b"") -> None:
    while time.monotonic() < until:
        with _connected(address) as connection:
            is_open = _sent(connection, http2.settings(window=WIDE) + start, until)
            while is_open and time.monotonic() < until:
                is_open = _sent(connection, piece * 4 * AT_ONCE, until)


def _on(stream: int, frames: bytes) -> bytes:
    """Returns frames of stream 1 as those of another."""
    pieces, at = [], 0
    while at < len(frames):
        end = at + 9 + int.from_bytes(frames[at : at + 3], "big")
        pieces += [frames[at : at + 5], struct.pack(">I", stream), frames[at + 9 : end]]
        at = end
    return b"".join(pieces)


def _headers(stream: int) -> bytes:
    return http2.frame(http2.HEADERS, http2.END_HEADERS, stream, HEADERS)


def _opened_and_reset(stream: int) -> bytes:
    return _headers(stream) + http2.reset(stream)


def _call(stream: int) -> bytes:
    message = http2.frame(http2.DATA, http2.END_STREAM, stream, http2.message(TEXT))
    return _headers(stream) + message


@contextmanager
def _connected(address: str) -> Iterator[socket.socket]:
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as connection:
        connection.settimeout(0.2)
        yield connection


def _sent(connection: socket.socket, data: bytes, until: float) -> bool:
    """Sends all of it, however slowly; False where the server hangs up or time is up."""
    left = memoryview(data)
    while left:
        try:
            left = left[connection.send(left) :]
        except TimeoutError:
            if time.monotonic() > until:
                return False
        except OSError:
            return False
    return True


def _read_forever(connection: socket.socket) -> None:
    def read() -> None:
        while True:
            try:
                if not connection.recv(1 << 16):
                    return
            except TimeoutError:
                continue
            except OSError:
                return

    threading.Thread(target=read, daemon=True).start()


def _wait(until: float) -> None:
    time.sleep(max(0.0, until - time.monotonic()))
