"""What one connection may have: headers, frames, calls, age, idle time. HTTP/2 written by hand."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from dragoman.v1.translation_pb2 import TranslateTextRequest
from dragoman_server.service.server import FRAME_BYTES, streams_per_connection
from tests.attacks import http2
from tests.attacks.http2 import Connection
from tests.server.service.harness import SERVICE, Running, make_config, running

PATH = f"/{SERVICE}/ListModels"
HEADERS = http2.headers(PATH.encode())
MOST_HEADERS = 16_384
TEXT = TranslateTextRequest(contents=["a"]).SerializeToString()

OK, EXHAUSTED = "0", "8"
MOST_STREAMS, MOST_HEADER_BYTES = 3, 6
"""Of HTTP/2's settings."""


@asynccontextmanager
async def connected(server: Running) -> AsyncIterator[Connection]:
    connection = await Connection.open(f"127.0.0.1:{server.application.port}", window=1 << 20)
    try:
        async with asyncio.timeout(60):
            yield connection
    finally:
        await connection.close()


async def next_of(connection: Connection, kind: int) -> None:
    """Reads until a frame of that kind; answers the pings on the way to it."""
    found = None
    while found != kind:
        found, flags, _, payload = await connection.frame()
        if found == http2.PING and not flags & http2.ACK:
            connection.send(http2.frame(http2.PING, http2.ACK, 0, payload))


async def called_with(connection: Connection, header_bytes: int) -> str:
    """The status of a call with one header more."""
    block = HEADERS + http2.large_header(header_bytes)
    connection.send(http2.header_frames(1, block))
    connection.send_message(1, b"")
    return (await connection.status_of(1))[0]


@pytest.mark.parametrize("knows_the_limit", [True, False])
async def test_headers_may_be_so_large_and_no_larger(
    server: Running, *, knows_the_limit: bool
) -> None:
    statuses = []
    for size in (MOST_HEADERS - 1000, MOST_HEADERS + 1, 4 * MOST_HEADERS):
        async with connected(server) as connection:
            if knows_the_limit:
                await connection.acknowledge_settings()
            statuses.append(await called_with(connection, size))
    assert statuses == [OK, EXHAUSTED, EXHAUSTED]


async def test_the_limit_of_headers_is_a_setting() -> None:
    async with running(max_header_bytes=2048) as server:
        for size, status in ((1000, OK), (2049, EXHAUSTED)):
            async with connected(server) as connection:
                await connection.acknowledge_settings()
                assert await called_with(connection, size) == status


async def test_a_connection_is_told_its_limits(server: Running) -> None:
    async with connected(server) as connection:
        kind, _, _, payload = await connection.frame()
        assert kind == http2.SETTINGS
        told = dict(struct.iter_unpack(">HI", payload))
    assert told[MOST_HEADER_BYTES] == MOST_HEADERS
    assert told[MOST_STREAMS] == streams_per_connection(make_config())


async def test_a_frame_that_is_too_large_ends_the_connection(server: Running) -> None:
    async with connected(server) as connection:
        await connection.acknowledge_settings()
        stream = connection.send_headers(f"/{SERVICE}/TranslateText")
        connection.send(http2.frame(http2.DATA, 0, stream, bytes(FRAME_BYTES + 1)))
        await connection.closed()
    assert await server.health() == "SERVING"


async def test_more_calls_than_a_connection_may_have_are_reset() -> None:
    async with running(max_concurrent_requests=1) as server, connected(server) as connection:
        await connection.acknowledge_settings()
        most = streams_per_connection(make_config(max_concurrent_requests=1))
        streams = [connection.send_headers(PATH) for _ in range(most + 1)]
        assert await connection.reset_of(streams[-1])


async def test_a_connection_that_does_not_acknowledge_the_limits_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dragoman_server.service.server.HANDSHAKE_MS", 300)
    async with running() as server, connected(server) as silent, connected(server) as polite:
        polite.send(http2.frame(http2.SETTINGS, http2.ACK, 0, b""))  # before they are read even
        await silent.closed()
        stream = polite.send_headers(PATH)
        polite.send_message(stream, b"")
        assert (await polite.status_of(stream))[0] == OK


async def test_an_idle_connection_is_closed() -> None:
    async with running(max_connection_idle_seconds=0.3) as server:
        async with connected(server) as connection:
            await connection.acknowledge_settings()
            await connection.closed()
        assert await server.health() == "SERVING"


async def test_a_connection_with_a_call_is_not_idle() -> None:
    async with running(max_connection_idle_seconds=0.3) as server, connected(server) as connection:
        stream = connection.send_headers(f"/{SERVICE}/TranslateText")
        connection.send_message(stream, TEXT)
        await connection.acknowledge_settings()
        (text,) = await server.engine.has_texts(1)
        since = time.monotonic()
        await asyncio.sleep(1)
        text.finish()
        assert (await connection.status_of(stream))[0] == OK
        assert time.monotonic() - since > 0.9
        await connection.closed()


async def test_an_old_connection_takes_no_new_calls_and_ends_with_its_last() -> None:
    async with running(max_connection_age_seconds=0.3) as server, connected(server) as connection:
        stream = connection.send_headers(f"/{SERVICE}/TranslateText")
        connection.send_message(stream, TEXT)
        await connection.acknowledge_settings()
        (text,) = await server.engine.has_texts(1)
        for kind in (http2.GOAWAY, http2.PING):  # whose answer it waits for, 20 s at most
            await next_of(connection, kind)
        text.finish()
        assert (await connection.status_of(stream))[0] == OK
        await connection.closed()
