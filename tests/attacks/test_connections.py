"""Idle connections by the thousand, on either port: callers and scrapes go on."""

import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from dragoman import Client, UnavailableError
from tests.attacks.harness import LightCallers, Server

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])

MEGABYTE = 1_000_000


@pytest.fixture(autouse=True)
def enough_descriptors() -> Iterator[None]:
    """Of the attacker's process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def idle(count: int, port: int, sent: bytes) -> Iterator[None]:
    with ExitStack() as connections:
        for _ in range(count):
            each = connections.enter_context(socket.create_connection(("127.0.0.1", port)))
            each.sendall(sent)
        yield


def test_idle_connections_to_the_metrics_port_keep_nobody_out(float32_bundle: Path) -> None:
    with Server(float32_bundle) as server:
        before = server.rss_bytes()
        with idle(1000, server.metrics_port, b"GET /metrics HTTP/1.1\r\n"):
            with LightCallers(server.address) as callers:
                assert server.metric("connections_full_seconds_total") == 0
            assert server.rss_bytes() - before < 50 * MEGABYTE
    assert (callers.report.wrong, callers.report.errors) == (0, {})


@pytest.mark.parametrize("workers", [0, 1])
def test_connections_that_fill_the_server_are_told_and_leave_the_metrics_alone(
    float32_bundle: Path, workers: int
) -> None:
    with (
        Server(float32_bundle, max_connections=100, workers=workers) as server,
        Client(server.address) as early,
    ):
        right = early.translate("the cat")
        with idle(150, server.port, PREFACE):
            assert _is_turned_away(server.port)
            _until(lambda: server.metric("connections_full_seconds_total") > 2)
            assert early.translate("the cat") == right
        _until(lambda: not _is_turned_away(server.port))
    assert len([line for line in server.log if "connections_full" in line]) == 1


@pytest.mark.attack
def test_silent_connections_are_closed(float32_bundle: Path) -> None:
    with Server(float32_bundle, max_connections=100) as server, idle(100, server.port, b""):
        _until(lambda: _translates(server.address))


@pytest.mark.attack
def test_as_many_connections_as_are_let_in_cost_little(float32_bundle: Path) -> None:
    with Server(float32_bundle) as server:
        before = server.rss_bytes()
        with idle(5000, server.port, PREFACE):
            assert server.rss_bytes() - before < 100 * MEGABYTE


def _is_turned_away(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as late:
        late.sendall(PREFACE)
        try:
            return not late.recv(1)
        except ConnectionResetError:
            return True


def _translates(address: str) -> bool:
    with Client(address, timeout=5) as client:
        try:
            return bool(client.translate("the cat"))
        except UnavailableError:
            return False


def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        pass
