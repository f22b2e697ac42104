"""Clients that vanish: mid-stream, without a word, or as nobody but they can know."""

import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman import Client
from dragoman.v1.translation_pb2 import StreamTranslateTextRequest
from tests.attacks import http2
from tests.attacks.harness import Server
from tests.faults.footprint import Footprint, footprint, is_calm, left_over, until
from tests.faults.harness import ROOT
from tests.faults.traffic import STREAM

CONNECTIONS, TEXTS = 20, 40

KEEPALIVE_SECONDS = 150.0
"""More than a server waits before it gives up a silent connection."""

STREAMING = """
import itertools, sys
from dragoman import Client
with Client(sys.argv[1]) as client:
    texts = (f"where is the house {number}" for number in itertools.count())
    for result in client.translate_stream(texts, max_concurrency=100):
        print(result.index, flush=True)
"""


@pytest.fixture
def server(float32_bundle: Path) -> Iterator[Server]:
    with Server(float32_bundle) as served:
        yield served


def settled(server: Server) -> Footprint:
    """What it holds in peace, once every thread and buffer that it works with is there."""
    with Client(server.address) as client:
        client.translate(["where is the house by the river"] * 200)
    stream_and_vanish(server)
    assert is_calm(server)
    return footprint(server)


def is_busy(server: Server) -> bool:
    """Whether it has texts, at one look of many: it may be done with all before more arrive."""
    gauges = ("requests_running", "requests_waiting")
    return until(lambda: any(server.metric(gauge) for gauge in gauges), 60)


def stream_and_vanish(server: Server) -> None:
    """Streams begin on connections, each with many texts, and their connections are reset."""
    connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(CONNECTIONS)]
    for connection in connections:
        connection.sendall(http2.settings(window=1 << 20) + _stream())
        connection.recv(1)  # it is taken
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


def _stream() -> bytes:
    texts = [
        StreamTranslateTextRequest(id=str(number), content=f"where is the house {number}")
        for number in range(TEXTS)
    ]
    frames = [http2.frame(http2.HEADERS, http2.END_HEADERS, 1, http2.headers(STREAM.encode()))]
    frames += [
        http2.frame(http2.DATA, 0, 1, http2.message(text.SerializeToString())) for text in texts
    ]
    return b"".join(frames)


def test_clients_that_are_gone_mid_stream_leave_nothing(server: Server) -> None:
    with Client(server.address) as client:
        right = client.translate("the cat")
    before = settled(server)
    for _ in range(3):
        stream_and_vanish(server)
    assert is_calm(server)
    assert left_over(server, before) is None
    with Client(server.address) as client:
        assert client.translate("the cat") == right


def test_a_client_process_that_is_killed_mid_stream_leaves_nothing(server: Server) -> None:
    before = settled(server)
    for _ in range(2):
        command = [sys.executable, "-c", STREAMING, server.address]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        with process:
            assert process.stdout is not None
            for _line, _result in zip(process.stdout, range(50), strict=False):
                pass
            assert is_busy(server)
            process.kill()
    assert is_calm(server)
    assert left_over(server, before) is None


@pytest.mark.fault
@pytest.mark.timeout(240)
def test_half_open_connections_are_closed(server: Server) -> None:
    """Their other ends acknowledge what comes, and are silent: no answer is read, no ping."""
    before = settled(server)
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(CONNECTIONS)]
    for connection in silent:
        acknowledged = http2.frame(http2.SETTINGS, http2.ACK, 0, b"")
        connection.sendall(http2.settings(window=1 << 20) + acknowledged + _stream())
    assert is_calm(server)
    assert footprint(server).descriptors > before.descriptors
    assert left_over(server, before, KEEPALIVE_SECONDS) is None
    for connection in silent:
        connection.close()


@pytest.mark.fault
@pytest.mark.timeout(240)
def test_connections_whose_other_end_has_forgotten_them_are_closed(server: Server) -> None:
    """As after a power failure: closed without a word, which takes a privilege."""
    before = settled(server)
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(http2.settings(window=1 << 20) + _stream())
        _forget(connection)
    assert is_calm(server)
    assert left_over(server, before, KEEPALIVE_SECONDS) is None


def _forget(connection: socket.socket) -> None:
    tcp_repair = 19
    try:
        connection.setsockopt(socket.IPPROTO_TCP, tcp_repair, 1)
    except OSError:
        pytest.skip("needs CAP_NET_ADMIN to close a connection without a word")
    connection.close()


async def test_a_stopped_client_holds_nobody_up(server: Server) -> None:
    """It reads nothing for a while; others are served, and it is when it goes on."""
    command = [sys.executable, "-c", STREAMING, server.address]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    await process.stdout.readline()
    os.kill(process.pid, signal.SIGSTOP)
    with Client(server.address, timeout=60) as client:
        right = client.translate("the cat")
        assert all(client.translate("the cat") == right for _ in range(50))
    os.kill(process.pid, signal.SIGCONT)
    for _ in range(500):
        async with asyncio.timeout(60):
            assert await process.stdout.readline()
    process.kill()
    await process.wait()
    assert is_calm(server)
