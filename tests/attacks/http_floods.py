"""What a few who speak HTTP/1.1 can send for as long as they like.

Each flood goes on until `until`, in seconds of the monotonic clock, and begins a new connection
where the server hangs up. Knows bytes. Does not know what a server should say to them.
"""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from tests.attacks import guarded

LENGTH = 200_000
"""Of a body: less than the server takes."""


def requests_without_pause(address: str, until: float) -> None:
    """Asks again and again before it has an answer, and reads what comes."""
    _repeat(address, until, b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n" * 100, connections=10)


def unread_answers(address: str, until: float) -> None:
    """Asks likewise and reads nothing."""
    body = json.dumps({"q": "a" * 2000, "source": "en", "target": "de"}).encode()
    content = _head("/translate", b"content-length: %d" % len(body)) + body
    _repeat(address, until, content, connections=10, reads=False)


def fields_without_use(address: str, until: float) -> None:
    """Sends bodies that take many times as much memory once they are read."""
    body = b'{"x": [' + b"[]," * (LENGTH // 3) + b"0]}"
    content = _head("/translate", b"content-length: %d" % len(body)) + body
    _repeat(address, until, content, connections=10)


def half_bodies(address: str, until: float) -> None:
    """Sends all of each body but its end."""
    content = _head("/translate", b"content-length: %d" % (LENGTH + 1)) + b" " * LENGTH
    with ExitStack() as stack:
        while time.monotonic() < until:
            for _ in range(400):  # 80 MB
                with suppress(OSError):
                    connection = stack.enter_context(_connected(address, until))
                    connection.sendall(content)
            time.sleep(0.2)
            stack.close()


def chunks_of_a_byte(address: str, until: float) -> None:
    """Sends bodies in the smallest pieces that there are."""
    start = _head("/translate", b"transfer-encoding: chunked")
    _repeat(address, until, b"1\r\n \r\n" * 10_000, connections=10, start=start)


def endless_headers(address: str, until: float) -> None:
    """Begins a request whose headers never end."""
    _repeat(address, until, b"a: b\r\n" * 1000, connections=10, start=b"GET / HTTP/1.1\r\n")


def comings_and_goings(address: str, until: float) -> None:
    """Connects, begins a request, and is gone."""
    while time.monotonic() < until:
        with suppress(OSError), _connected(address, until) as connection:
            connection.sendall(_head("/translate", b"content-length: 9") + b"{")


def _head(path: str, framing: bytes) -> bytes:
    shown = "".join(f"{name}: {value}\r\n" for name, value in guarded.metadata())
    head = f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{shown}"
    return head.encode() + framing + b"\r\n\r\n"


def _repeat(
    address: str,
    until: float,
    content: bytes,
    *,
    connections: int,
    start: bytes = b"",
    reads: bool = True,
) -> None:
    """Sends content on each of the connections, without an end."""

    def send() -> None:
        while time.monotonic() < until:
            with suppress(OSError), _connected(address, until) as connection:
                if reads:
                    threading.Thread(target=_read, args=(connection,), daemon=True).start()
                connection.sendall(start)
                while time.monotonic() < until:
                    connection.sendall(content)

    threads = [threading.Thread(target=send) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _read(connection: socket.socket) -> None:
    with suppress(OSError):
        while connection.recv(1 << 16):
            pass


@contextmanager
def _connected(address: str, until: float) -> Iterator[socket.socket]:
    """A connection on which nothing takes longer than there is time left."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as connection:
        connection.settimeout(max(0.01, until - time.monotonic()))
        yield connection
