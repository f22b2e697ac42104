"""Connections that send more than their calls explain: told from those that send much."""

import errno
import os
import socket
import sys
from collections import Counter
from contextlib import ExitStack

import pytest

from dragoman_server.rpc.floods import (
    ALLOWED_BYTES,
    ALLOWED_BYTES_PER_SECOND,
    FloodWatch,
    Traffic,
    hang_up,
    key_of,
    open_connections,
)

PEER, KEY = "ipv4:10.0.0.1:4000", "10.0.0.1 4000"


class Watched:
    """A watch whose clock stands still but for `seconds`."""

    def __init__(self) -> None:
        self.now = 100.0
        self.watch = FloodWatch(lambda: self.now)

    def floods(self, received: int, *, seconds: float = 0.0, pending: int = 0) -> bool:
        self.now += seconds
        flooding = self.watch.look([Traffic(KEY, received)], Counter({PEER: pending}))
        return list(flooding) == [Traffic(KEY, received)]


def test_who_sends_more_than_is_allowed_floods() -> None:
    watched = Watched()
    assert not watched.floods(ALLOWED_BYTES)
    assert watched.floods(ALLOWED_BYTES + 1)


def test_who_sends_as_slowly_as_is_allowed_may_go_on() -> None:
    watched = Watched()
    for second in range(60):
        assert not watched.floods((second + 1) * ALLOWED_BYTES_PER_SECOND, seconds=1)
    assert not watched.floods(60 * ALLOWED_BYTES_PER_SECOND + ALLOWED_BYTES)


def test_what_calls_explain_is_no_flood() -> None:
    watched = Watched()
    received = 0
    for _ in range(50):
        received += ALLOWED_BYTES
        watched.watch.explain(PEER, ALLOWED_BYTES)
        assert not watched.floods(received)
    assert watched.floods(received + ALLOWED_BYTES + 1)


def test_what_may_still_become_a_call_is_no_flood_yet() -> None:
    watched = Watched()
    assert not watched.floods(2 * ALLOWED_BYTES, pending=ALLOWED_BYTES)
    assert watched.floods(2 * ALLOWED_BYTES)


def test_who_explained_much_has_no_credit() -> None:
    watched = Watched()
    watched.watch.explain(PEER, 10 * ALLOWED_BYTES)
    assert not watched.floods(ALLOWED_BYTES)
    assert watched.floods(2 * ALLOWED_BYTES + 1)


def test_a_port_that_comes_again_begins_anew() -> None:
    watched = Watched()
    assert not watched.floods(ALLOWED_BYTES)
    assert not watched.floods(ALLOWED_BYTES - 1)
    assert watched.floods(2 * ALLOWED_BYTES)


def test_who_is_gone_is_forgotten() -> None:
    watched = Watched()
    watched.watch.explain(PEER, ALLOWED_BYTES)
    assert list(watched.watch.look([], Counter())) == []
    assert watched.floods(ALLOWED_BYTES + 1)


@pytest.mark.parametrize(
    ("peer", "key"),
    [
        (PEER, KEY),
        ("ipv6:%5B::1%5D:4000", "::1 4000"),
        ("ipv6:[fe80::1%25eth0]:4000", "fe80::1 4000"),
        ("ipv6:%5B::ffff:10.0.0.1%5D:4000", KEY),
    ],
)
def test_peers_are_named_as_sockets_name_them(peer: str, key: str) -> None:
    assert key_of(peer) == key


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
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


def test_what_cannot_be_looked_at_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(os, "dup", fail)
    with pytest.raises(OSError, match="too many"):
        list(open_connections({1}))
