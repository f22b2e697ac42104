"""Tells connections that send far more than their calls explain: floods of frames.

gRPC's core answers pings, window updates, empty frames and reset streams one by one and as fast as
it can, and the longer a connection has more to read, the more memory it sets aside for the next
read. No option bounds that (endpoints of gRPC 1.80), so whoever goes on is hung up on.

Owns what each connection has sent that was good for something. Does not know what a call is.
"""

import errno
import os
import socket
import struct
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

ALLOWED_BYTES = 16 << 20
"""That a connection may send for nothing, and again at ALLOWED_BYTES_PER_SECOND."""

ALLOWED_BYTES_PER_SECOND = 2 << 20

_DESCRIPTORS = Path("/proc/self/fd")

_RECEIVED = struct.Struct("128xQ")
"""Of Linux's `struct tcp_info`: `tcpi_bytes_received`."""

_NO_LINGER = struct.pack("ii", 1, 0)

_FAMILIES = (socket.AF_INET, socket.AF_INET6)


class Traffic(NamedTuple):
    """What has come over a connection."""

    peer: str
    """As `key_of` names it."""
    received_bytes: int


class _Seen(NamedTuple):
    received_bytes: int
    explained_bytes: int
    excess_bytes: float


class FloodWatch:
    """Compares what comes over a server's connections with what its calls explain.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._looked_at = clock()
        self._explained: Counter[str] = Counter()
        self._seen: dict[str, _Seen] = {}

    def explain(self, peer: str, size: int) -> None:
        """So many bytes of a connection were part of a call, whose peer is as gRPC says it."""
        self._explained[peer] += size

    def look(self, connections: Collection[Traffic], pending: Counter[str]) -> Iterator[Traffic]:
        """Yields the connections that flood; all of them are to be taken.

        Args:
            connections: All that are open: one that is missed counts as new when it is back.
            pending: Bytes that may be on their way, by peer.
        """
        now = self._clock()
        forgiven = ALLOWED_BYTES_PER_SECOND * (now - self._looked_at)
        self._looked_at = now
        pending = _by_key(pending)
        explained = _by_key(self._explained)
        seen, self._seen = self._seen, {}
        for connection in connections:
            peer, received = connection
            before = seen.get(peer)
            if before is None or received < before.received_bytes:  # it was not there before
                before = _Seen(0, 0, 0.0)
            more = received - before.received_bytes
            good = explained[peer] - before.explained_bytes
            excess = max(0.0, before.excess_bytes + more - good - forgiven)
            self._seen[peer] = _Seen(received, explained[peer], excess)
            if excess - pending[peer] > ALLOWED_BYTES:
                yield connection
        for peer in [peer for peer in self._explained if key_of(peer) not in self._seen]:
            del self._explained[peer]


def key_of(peer: str) -> str:
    """Returns host and port of a peer as gRPC says it, in the form that Traffic has."""
    host, _, port = unquote(peer.partition(":")[2]).rpartition(":")
    return _key(host.strip("[]"), port)


def open_connections(ports: Collection[int]) -> Iterator[Traffic]:
    """Yields those of this process to its own `ports`; none where the system does not tell.

    Raises:
        OSError: There are too many open files to look at them.
    """
    for connection, accepted in _accepted(ports):
        with suppress(OSError):
            info = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.size)
            yield Traffic(connection, *_RECEIVED.unpack(info))


def hang_up(traffic: Traffic, ports: Collection[int]) -> None:
    """Ends a connection of this process to its own `ports`, whoever holds its descriptor.

    Raises:
        OSError: There are too many open files to look for it.
    """
    for peer, accepted in _accepted(ports):
        if peer == traffic.peer:
            with suppress(OSError):
                # What is on its way has no reader: a reset says so, once gRPC closes its end.
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                accepted.shutdown(socket.SHUT_RDWR)


def _accepted(ports: Collection[int]) -> Iterator[tuple[str, socket.socket]]:
    if sys.platform != "linux":
        return
    for descriptor in _DESCRIPTORS.iterdir():
        copy = _copied(int(descriptor.name))
        if copy is None:
            continue
        with closing(copy):
            if copy.type != socket.SOCK_STREAM or copy.family not in _FAMILIES:
                continue
            with suppress(OSError):  # listening, or closed by the other end
                peer = copy.getpeername()
                if copy.getsockname()[1] in ports:
                    yield _key(peer[0], str(peer[1])), copy


def _copied(descriptor: int) -> socket.socket | None:
    """Returns a copy, which nobody else closes or opens anew; None of what is no socket."""
    try:
        copy = os.dup(descriptor)
    except OSError as error:
        if error.errno == errno.EBADF:  # closed by now
            return None
        raise
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None


def _key(host: str, port: str) -> str:
    return f"{host.partition('%')[0].removeprefix('::ffff:')} {port}"


def _by_key(sizes: Counter[str]) -> Counter[str]:
    return Counter({key_of(peer): size for peer, size in sizes.items()})
