"""This process's own sockets on the ports that it serves: what came over each, and their end.

gRPC tells nothing of its sockets and takes no options for those that it accepts, so they are found
among the descriptors of the process (Linux; elsewhere there are none). Does not know what is sent.
"""

import errno
import os
import socket
import struct
import sys
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

_DESCRIPTORS = Path("/proc/self/fd")

_RECEIVED = struct.Struct("128xQ")
"""Of Linux's `struct tcp_info`: `tcpi_bytes_received`."""

_NO_LINGER = struct.pack("ii", 1, 0)


class Traffic(NamedTuple):
    """What has come over a connection."""

    peer: str
    """As `key_of` names it."""
    received_bytes: int


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


def limit_unread(ports: Collection[int], size: int) -> None:
    """Bounds what may come unread over each connection that is made to `ports` from now on.

    The kernel keeps up to three times `size` bytes; of its own accord it would keep megabytes.

    Raises:
        OSError: There are too many open files to look for the sockets that listen.
    """
    for listening in _own(ports):
        with suppress(OSError):  # closed by the other end
            if listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                # Who is accepted has what the socket had that listened.
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def _accepted(ports: Collection[int]) -> Iterator[tuple[str, socket.SocketType]]:
    for own in _own(ports):
        with suppress(OSError):  # listening, or closed by the other end
            host, port, *_ = own.getpeername()
            yield _key(host, str(port)), own


def _own(ports: Collection[int]) -> Iterator[socket.SocketType]:
    """Yields copies of the sockets whose own end is one of `ports`, each until the next one."""
    if sys.platform != "linux":
        return
    for descriptor in _DESCRIPTORS.iterdir():
        copy = _copied(int(descriptor.name))
        if copy is None:
            continue
        with closing(copy):
            if _port(copy) in ports:
                yield copy


def _copied(descriptor: int) -> socket.SocketType | None:
    """Returns a copy, which nobody else closes or opens anew; None of what is no socket."""
    try:
        copy = os.dup(descriptor)
    except OSError as error:
        if error.errno == errno.EBADF:  # closed by now
            return None
        raise
    try:
        # To ask each for its family would take as long as all the rest; addresses say theirs.
        return socket.SocketType(socket.AF_INET6, socket.SOCK_STREAM, 0, copy)
    except OSError:
        os.close(copy)
        return None


def _port(own: socket.SocketType) -> int | None:
    """Returns the port of a socket's own end; None where it has none."""
    address = own.getsockname()
    return address[1] if isinstance(address, tuple) else None


def _key(host: str, port: str) -> str:
    return f"{host.partition('%')[0].removeprefix('::ffff:')} {port}"
