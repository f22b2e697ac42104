"""Calls over real connections: let in, refused, answered, given up."""

import asyncio
import errno
import logging
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from pathlib import Path

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc import aio

from dragoman_server.rpc import (
    Call,
    Caller,
    Limits,
    Method,
    Presented,
    RpcError,
    RpcServer,
    Screen,
    Status,
    Traffic,
    sockets,
    stream,
    unary,
)
from dragoman_server.rpc.floods import ALLOWED_BYTES
from dragoman_server.rpc.server import FLOOD_LOOK_SECONDS, SWEEP_SECONDS
from tests.attacks.http2 import (
    CONTINUATION,
    DATA,
    HEADERS,
    Connection,
    frame,
    header_frames,
    headers,
    large_header,
)
from tests.server.rpc.later import an_hour_later, an_hour_stood_still

FULL = Status(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", (("why", "room"),))

PATH = "/words.Words/Say"

HEADER_BYTES, UNREAD_BYTES = 16_384, 32_768


def say(handle: Callable[[Call], Awaitable[None]], screen: Screen | None = None) -> Method:
    return Method(handle, lambda _, message: message, screen)


async def echo(call: Call) -> None:
    assert isinstance(call.request, bytes)
    call.finish(message=call.request)


@asynccontextmanager
async def serving(
    method: Method,
    *,
    message_timeout_seconds: float = 60.0,
    incoming: int = 256,
    message_bytes: int = 1 << 20,
    streams: int = 64,
    hung_up: Callable[[Traffic], None] = lambda _: None,
    host: str = "127.0.0.1",
) -> AsyncIterator[str]:
    server = RpcServer(
        [],
        {PATH: method},
        limits=Limits(
            message_timeout_seconds, incoming, message_bytes, HEADER_BYTES, streams, UNREAD_BYTES
        ),
        hung_up=hung_up,
    )
    port = server.add_port(f"{host}:0", None)
    server.start()
    try:
        yield f"{host}:{port}"
    finally:
        await server.stop(0.0)


def ask(
    channel: aio.Channel, message: bytes, *, path: str = PATH, timeout: float | None = None
) -> "aio.UnaryUnaryCall[bytes, bytes]":
    method: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
    return method(message, timeout=timeout)


async def status_of(call: "aio.UnaryUnaryCall[bytes, bytes]") -> tuple[grpc.StatusCode, str]:
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details() or ""


async def test_a_message_is_answered_with_a_message() -> None:
    async with serving(say(echo)) as address, aio.insecure_channel(address) as channel:
        assert await ask(channel, b"word") == b"word"
        assert await ask(channel, b"") == b""


async def test_what_nobody_serves_is_unimplemented() -> None:
    async with serving(say(echo)) as address, aio.insecure_channel(address) as channel:
        code, _ = await status_of(ask(channel, b"word", path="/words.Words/Shout"))
        assert code is grpc.StatusCode.UNIMPLEMENTED


async def test_who_calls_is_found_out_first_and_stays_with_the_call() -> None:
    screened: list[object] = []
    read: list[object] = []

    def identify(_: Caller, presented: Presented) -> object:
        names = [value for name, value in presented.headers() if name == "name"]
        return names[0] if names else FULL

    def screen(caller: Caller) -> None:
        screened.append(caller.identity)

    def reader(caller: Caller, message: bytes) -> bytes:
        read.append(caller.identity)
        return message

    async def handle(call: Call) -> None:
        call.finish(message=str(call.identity).encode())

    method = Method(handle, reader, screen, identify=identify)
    async with serving(method) as address, aio.insecure_channel(address) as channel:
        stub: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PATH)
        assert await stub(b"word", metadata=(("name", "acme"),)) == b"acme"
        assert (screened, read) == (["acme"], ["acme"])
        assert await status_of(stub(b"word")) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
        assert (screened, read) == (["acme"], ["acme"])


async def test_what_a_call_shows_is_its_metadata_and_no_certificate_in_plain_text() -> None:
    shown: list[Presented] = []
    names: list[object] = []
    headers: list[tuple[str, str | bytes]] = []

    def identify(_: Caller, presented: Presented) -> object:
        shown.append(presented)
        headers.extend(presented.headers())
        names.append(presented.certificate_names())
        return None

    method = Method(echo, lambda _, message: message, identify=identify)
    async with serving(method) as address, aio.insecure_channel(address) as channel:
        stub: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PATH)
        sent = (("name", "one"), ("name", "two"), ("raw-bin", b"\xff"))
        assert await stub(b"word", metadata=sent) == b"word"
    assert [tuple(each) for each in headers if each[0] in {"name", "raw-bin"}] == list(sent)
    assert names == [[]]


async def test_a_screen_refuses_before_anybody_reads() -> None:
    seen: list[Caller] = []

    def screen(caller: Caller) -> Status | None:
        seen.append(caller)
        return FULL

    async def handle(_: Call) -> None:
        raise AssertionError

    method = say(handle, screen=screen)
    async with serving(method) as address, aio.insecure_channel(address) as channel:
        call = ask(channel, b"word", timeout=30)
        assert await status_of(call) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
        assert ("why", "room") in tuple(await call.trailing_metadata() or ())
        await status_of(ask(channel, b"word"))
    with_deadline, without = seen
    assert with_deadline.seconds == pytest.approx(30, abs=10)
    assert without.seconds is None
    assert with_deadline.peer.startswith("ipv4:127.0.0.1:")
    assert (without.own_calls, without.open_calls) == (0, 0)


async def test_a_reader_refuses_for_what_the_message_says() -> None:
    method = Method(echo, lambda _, message: FULL if message == b"no" else message)
    async with serving(method) as address, aio.insecure_channel(address) as channel:
        assert (await status_of(ask(channel, b"no")))[1] == "full"
        assert await ask(channel, b"yes") == b"yes"


async def test_a_handler_ends_a_call_with_a_status() -> None:
    async def handle(_: Call) -> None:
        raise RpcError(FULL)

    async with serving(say(handle)) as address, aio.insecure_channel(address) as channel:
        assert (await status_of(ask(channel, b"word")))[1] == "full"


async def test_a_handler_that_fails_tells_the_log_and_not_the_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handle(_: Call) -> None:
        raise ValueError("secret")

    async with serving(say(handle)) as address, aio.insecure_channel(address) as channel:
        code, details = await status_of(ask(channel, b"word"))
    assert code is grpc.StatusCode.INTERNAL
    assert "secret" not in details
    assert [record.getMessage() for record in caplog.records] == ["call_failed"]


async def test_who_gives_up_cancels_the_handler_and_nothing_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def handle(call: Call) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            call.finish(message=b"too late")
            ended.set()

    with caplog.at_level(logging.DEBUG, logger="dragoman_server"):
        async with serving(say(handle)) as address, aio.insecure_channel(address) as channel:
            call = ask(channel, b"word")
            await began.wait()
            call.cancel()
            await asyncio.wait_for(ended.wait(), 60)
            code, _ = await status_of(ask(channel, b"word", timeout=0.05))
            assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert caplog.records == []


async def test_a_stream_is_read_and_answered_as_it_goes() -> None:
    async def answers(requests: AsyncIterator[StringValue], _: Call) -> AsyncIterator[StringValue]:
        async for request in requests:
            yield StringValue(value=request.value.upper())

    method = stream(StringValue, answers)
    async with serving(method) as address, aio.insecure_channel(address) as channel:
        call = channel.stream_stream(PATH, StringValue.SerializeToString, StringValue.FromString)()
        for word in ("one", "two"):
            await call.write(StringValue(value=word))
            answer = await call.read()
            assert isinstance(answer, StringValue)
            assert answer.value == word.upper()
        await call.done_writing()
        assert await call.read() is aio.EOF
        assert await call.code() is grpc.StatusCode.OK


@pytest.mark.parametrize("kind", ["unary", "stream"])
async def test_what_is_no_message_of_the_call_is_an_invalid_argument(kind: str) -> None:
    async def answer(request: StringValue, _: Call) -> StringValue:
        return request

    async def answers(requests: AsyncIterator[StringValue], _: Call) -> AsyncIterator[StringValue]:
        async for request in requests:
            yield request

    method = unary(StringValue, answer) if kind == "unary" else stream(StringValue, answers)
    async with serving(method) as address, aio.insecure_channel(address) as channel:
        for garbage in (b"\xff\xff", b"\x0a\x02\xc3\x28"):
            code, details = await status_of(ask(channel, garbage))
            assert code is grpc.StatusCode.INVALID_ARGUMENT
            assert details == "the request is not a message of this call; strings must be UTF-8"


async def test_a_call_whose_message_does_not_come_is_ended() -> None:
    async with serving(say(echo), message_timeout_seconds=0.1) as address:
        connection = await Connection.open(address)
        connection.send_headers(PATH)
        status, details = await asyncio.wait_for(connection.status_of(1), 60)
        assert (status, details) == ("4", "the request's message did not come in time")
        await connection.close()


async def test_of_too_many_messages_the_slowest_of_who_sends_most_make_room() -> None:
    async with serving(say(echo), incoming=3) as address:
        other = await Connection.open(address)
        other.send_headers(PATH)
        connection = await Connection.open(address)
        for _ in range(3):
            connection.send_headers(PATH)
        status, details = await asyncio.wait_for(connection.status_of(1), 60)
        assert status == "8"
        assert details == "too many messages are on their way, and this call's takes longest"
        async with aio.insecure_channel(address) as channel:
            for _ in range(3):
                assert await ask(channel, b"word") == b"word"
        status, _ = await asyncio.wait_for(connection.status_of(3), 60)
        assert status == "8"
        for left, stream_id in ((connection, 5), (other, 1)):
            left.send_message(stream_id, b"word")
            status, _ = await asyncio.wait_for(left.status_of(stream_id), 60)
            assert status == "0"
            await left.close()


async def test_messages_that_come_whole_make_no_room_for_each_other() -> None:
    async with (
        serving(say(echo), incoming=256) as address,
        aio.insecure_channel(address) as channel,
    ):
        words = [b"word %d" % index for index in range(200)]
        assert await asyncio.gather(*(ask(channel, word) for word in words)) == words


async def test_streams_are_bounded_and_leave_room_for_other_connections() -> None:
    begun = asyncio.Semaphore(0)

    async def handle(_: Call) -> None:
        begun.release()
        await asyncio.Event().wait()

    async with serving(Method(handle, None), streams=9) as address, AsyncExitStack() as stack:

        async def connect() -> Connection:
            connection = await Connection.open(address)
            stack.push_async_callback(connection.close)
            return connection

        async def refusal_of(connection: Connection) -> str:
            refused = connection.send_headers(PATH)
            status, details = await asyncio.wait_for(connection.status_of(refused), 60)
            assert status == "8"
            return details

        greedy = await connect()
        for _ in range(8):
            greedy.send_headers(PATH)
        assert await refusal_of(greedy) == (
            "8 streams of this connection are in progress, which leaves 1 of the 9 that this "
            "server allows: it has to leave some to others"
        )
        for _ in range(10):  # a first one finds room in twice as much
            (await connect()).send_headers(PATH)
        for _ in range(18):
            await asyncio.wait_for(begun.acquire(), 60)
        details = await refusal_of(await connect())
        assert details == "18 streams are in progress, the most that this server allows"


async def test_a_call_whose_end_is_not_taken_is_dropped() -> None:
    seen: list[int] = []

    def screen(caller: Caller) -> Status | None:
        seen.append(caller.open_calls)
        return None

    method = say(echo, screen=screen)
    async with serving(method) as address:
        connection = await Connection.open(address, window=0)
        connection.send_headers(PATH)
        connection.send_message(1, b"word")
        while not seen:  # noqa: ASYNC110
            await asyncio.sleep(0)
        async with aio.insecure_channel(address) as channel:
            assert await ask(channel, b"word") == b"word"
            with an_hour_later():
                assert await asyncio.wait_for(connection.reset_of(1), 60)
            assert await ask(channel, b"word") == b"word"
        await connection.close()
    assert seen == [0, 1, 0]


async def test_time_in_which_the_server_stood_still_counts_against_no_call() -> None:
    has_come = asyncio.Event()

    def screen(_: Caller) -> None:
        has_come.set()

    async with serving(say(echo, screen=screen)) as address:
        connection = await Connection.open(address, window=1 << 16)
        connection.send_headers(PATH)
        await has_come.wait()
        with an_hour_stood_still():
            await asyncio.sleep(SWEEP_SECONDS + 0.1)
        connection.send_message(1, b"word")
        status, _ = await asyncio.wait_for(connection.status_of(1), 60)
        assert status == "0"
        await connection.close()


async def test_a_method_whose_name_is_no_text_is_unimplemented() -> None:
    async with serving(say(echo)) as address:
        connection = await Connection.open(address)
        connection.send_headers("/words.Words/\udcff\udcfe", end=True)
        status, _ = await asyncio.wait_for(connection.status_of(1), 60)
        assert status == "12"
        await connection.close()


async def test_a_server_that_stops_ends_its_calls() -> None:
    began = asyncio.Event()

    async def handle(_: Call) -> None:
        began.set()
        await asyncio.Event().wait()

    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(serving(say(handle)))
        channel = aio.insecure_channel(address)
        ended = asyncio.create_task(status_of(ask(channel, b"word")))
        await began.wait()
    code, _ = await asyncio.wait_for(ended, 60)
    await channel.close()
    assert code in {grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE}


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with serving(say(echo)) as address:
        server = RpcServer(
            [("grpc.so_reuseport", 0)],
            {PATH: say(echo)},
            limits=Limits(1.0, 64, 1 << 20, HEADER_BYTES, 64, UNREAD_BYTES),
            hung_up=lambda _: None,
        )
        with pytest.raises(RuntimeError, match="bind"):
            server.add_port(address, None)


async def test_a_screen_or_reader_that_fails_ends_no_other_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    was_read = asyncio.Event()

    def read(_: Caller, message: bytes) -> object:
        was_read.set()
        if message == b"bad":
            raise MemoryError
        return message

    method = Method(echo, read)
    async with serving(method) as address, aio.insecure_channel(address) as channel:
        bad = ask(channel, b"bad")
        await was_read.wait()
        with an_hour_later():
            code, _ = await status_of(bad)
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert await ask(channel, b"good") == b"good"
    assert [record.getMessage() for record in caplog.records] == ["call_failed"]


def unread_bytes(port: int) -> list[int]:
    """Returns what the kernel may keep unread of each connection to a port of this process."""
    bounds = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError), ExitStack() as stack:  # no socket, or one that only listens
            copy = os.dup(int(descriptor.name))
            stack.callback(os.close, copy)
            own = socket.fromfd(copy, socket.AF_INET6, socket.SOCK_STREAM)
            stack.callback(own.close)
            own.getpeername()
            if own.getsockname()[1:2] == (port,):
                bounds.append(own.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))
    return bounds


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_a_connection_may_have_little_unread(host: str) -> None:
    async with serving(say(echo), host=host) as address:
        connection = await Connection.open(address)
        await connection.acknowledge_settings()  # so it was accepted
        # Linux doubles it, for its own needs.
        assert unread_bytes(int(address.rpartition(":")[2])) == [2 * UNREAD_BYTES]
        await connection.close()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_a_connection_that_sends_for_nothing_is_hung_up_on(host: str) -> None:
    floods: list[Traffic] = []
    async with serving(say(echo), hung_up=floods.append, host=host) as address:
        connection = await Connection.open(address)
        # Of a kind that nobody knows, which gRPC is to skip, and skips for ever.
        await send_until_closed(connection, frame(0xBB, 0, 0, b"attacked"))
        assert len(floods) == 1
        assert floods[0].received_bytes > ALLOWED_BYTES
        async with aio.insecure_channel(address) as channel:
            assert await ask(channel, b"word") == b"word"


async def send_until_closed(connection: Connection, piece: bytes) -> None:
    async with asyncio.timeout(60):
        closed = asyncio.create_task(connection.closed())
        while not closed.done():
            connection.send(piece * 50_000)
            with suppress(OSError):
                await connection.drain()
            await asyncio.sleep(0)
    await connection.close()


@pytest.mark.skipif(sys.platform != "linux", reason="gRPC before 1.82 takes them for ever")
@pytest.mark.parametrize("kind", [DATA, CONTINUATION])
async def test_a_connection_of_empty_frames_is_ended_by_grpc_or_for_it(kind: int) -> None:
    async with serving(say(echo)) as address:
        connection = await Connection.open(address)
        if kind == DATA:
            connection.send_headers(PATH)
        else:
            connection.send(frame(HEADERS, 0, 1, headers(PATH.encode())))
        await send_until_closed(connection, frame(kind, 0, 1, b""))
        async with aio.insecure_channel(address) as channel:
            assert await ask(channel, b"word") == b"word"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
async def test_headers_far_beyond_what_is_allowed_end_their_connection() -> None:
    floods: list[Traffic] = []
    async with serving(say(echo), hung_up=floods.append) as address:
        # None of them has acknowledged what is allowed, so gRPC reads all of it.
        large, huge = [await Connection.open(address) for _ in range(2)]
        for connection, size in ((large, 4 * HEADER_BYTES), (huge, 16 * HEADER_BYTES)):
            connection.send(header_frames(1, headers(PATH.encode()) + large_header(size)))
        async with asyncio.timeout(60):
            await huge.closed()
            assert (await large.status_of(1))[0] == "8"  # RESOURCE_EXHAUSTED
        await large.close()
        await huge.close()
    assert len(floods) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
async def test_a_connection_that_cannot_be_looked_for_is_hung_up_on_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    floods: list[Traffic] = []
    tried: list[Traffic] = []

    def hang_up(traffic: Traffic, ports: Collection[int]) -> None:
        tried.append(traffic)
        if len(tried) == 1:
            raise OSError(errno.EMFILE, "too many open files")
        sockets.hang_up(traffic, ports)

    monkeypatch.setattr("dragoman_server.rpc.server.hang_up", hang_up)
    async with serving(say(echo), hung_up=floods.append) as address:
        connection = await Connection.open(address)
        block = headers(PATH.encode()) + large_header(16 * HEADER_BYTES)
        connection.send(header_frames(1, block))
        await asyncio.wait_for(connection.closed(), 60)
        await connection.close()
    assert [each.peer for each in tried] == [tried[0].peer] * 2
    assert len(floods) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@pytest.mark.parametrize("refused", [False, True], ids=["answered", "refused when read"])
async def test_who_sends_much_in_calls_is_not_hung_up_on(host: str, *, refused: bool) -> None:
    floods: list[Traffic] = []
    text = b"x" * 500_000
    method = Method(echo, lambda _, message: FULL if refused else message[:1])
    async with (
        serving(method, hung_up=floods.append, host=host) as address,
        aio.insecure_channel(address) as channel,
    ):
        until = time.monotonic() + 4 * FLOOD_LOOK_SECONDS
        sent = 0
        while time.monotonic() < until or sent < 2 * ALLOWED_BYTES:
            sent += len(text)
            if refused:
                assert await status_of(ask(channel, text)) == (FULL.code, FULL.details)
            else:
                assert await ask(channel, text) == b"x"
    assert floods == []
