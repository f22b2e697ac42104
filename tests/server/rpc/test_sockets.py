"""Sockets of this process, found among its descriptors: looked at, bounded, ended."""

import errno
import os
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress

import pytest

from dragoman_server.rpc.sockets import (
    Traffic,
    hang_up,
    key_of,
    limit_unread,
    open_connections,
)

linux_alone = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])


@pytest.mark.parametrize(
    ("peer", "key"),
    [
        ("ipv4:10.0.0.1:4000", "10.0.0.1 4000"),
        ("ipv6:%5B::1%5D:4000", "::1 4000"),
        ("ipv6:[fe80::1%25eth0]:4000", "fe80::1 4000"),
        ("ipv6:%5B::ffff:10.0.0.1%5D:4000", "10.0.0.1 4000"),
    ],
)
def test_peers_are_named_as_sockets_name_them(peer: str, key: str) -> None:
    assert key_of(peer) == key


@linux_alone
@HOSTS
def test_what_came_over_a_connection_is_known_and_it_can_be_ended(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server((host, 0), family=family))
        address = server.getsockname()
        port: int = address[1]
        one, _ = [stack.enter_context(socket.create_connection(address[:2])) for _ in range(2)]
        for _ in range(2):
            stack.enter_context(server.accept()[0])
        one.sendall(b"x" * 1000)
        own_port: int = one.getsockname()[1]
        traffics = set(open_connections({port}))
        traffic = Traffic(f"{host} {own_port}", 1000)
        assert len(traffics) == 2
        assert traffic in traffics
        assert set(open_connections({own_port})) == {Traffic(f"{host} {port}", 0)}
        hang_up(traffic, {port})
        one.settimeout(10)
        assert one.recv(1) == b""


@linux_alone
@HOSTS
def test_what_comes_to_a_port_is_kept_for_nobody_beyond_its_limit(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kept = {}
    for limit in (None, 16_384):
        with socket.create_server((host, 0), family=family) as server:
            if limit is not None:
                limit_unread({server.getsockname()[1]}, limit)
            kept[limit] = _sent_unread(server)
    assert kept[16_384] < 65_536 < kept[None]


def _sent_unread(server: socket.socket) -> int:
    """Returns how much of what is sent to a server the kernel keeps that nobody reads."""
    with socket.create_connection(server.getsockname()[:2]) as one, server.accept()[0] as other:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        one.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                one.send(bytes(1 << 16))
        other.setblocking(False)
        return len(other.recv(1 << 24, socket.MSG_PEEK))


@linux_alone
@pytest.mark.parametrize(
    "look", [lambda: list(open_connections({1})), lambda: limit_unread({1}, 1)]
)
def test_what_cannot_be_looked_at_is_said(
    monkeypatch: pytest.MonkeyPatch, look: Callable[[], object]
) -> None:
    def fail(_: int) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(os, "dup", fail)
    with pytest.raises(OSError, match="too many"):
        look()
