"""Calls from within: let in, answered, refused and given up as those of the wire are."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import grpc
import pytest

from dragoman_server.rpc import (
    Call,
    Caller,
    LocalCalls,
    Method,
    Origin,
    Presented,
    RpcError,
    Status,
    Tally,
)

PATH = "/words.Words/Say"
FULL = Status(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", (("why", "room"),))


class Anybody:
    def headers(self) -> Sequence[tuple[str, str | bytes]]:
        return [("who", "me")]

    def certificate_names(self) -> Sequence[str]:
        return ()


ORIGIN = Origin("ipv4:127.0.0.1:1", "other", Anybody())


async def echo(call: Call) -> None:
    assert isinstance(call.request, bytes)
    call.finish(message=call.request)


async def echo_each(call: Call) -> None:
    while (message := await call.read()) is not None:
        await call.write(message)
    call.finish()


def say(handle: object = echo, **others: object) -> Method:
    usual = Method(handle, lambda _, message: message)  # type: ignore[arg-type]  # of the tests
    return usual._replace(**others)  # type: ignore[arg-type]


def listen(handle: object = echo_each, **others: object) -> Method:
    return say(handle, read=None, **others)


def calls(method: Method, tally: Tally | None = None, streams: int = 64) -> LocalCalls:
    return LocalCalls({PATH: method}, tally or Tally(), streams=streams)


async def each(*messages: bytes) -> AsyncIterator[bytes]:
    for message in messages:
        yield message


async def refusal(local: LocalCalls, origin: Origin = ORIGIN) -> Status:
    with pytest.raises(RpcError) as refused:
        await local.unary(PATH, b"a", origin)
    return refused.value.status


async def test_a_call_has_an_answer() -> None:
    assert await calls(say()).unary(PATH, b"a", ORIGIN) == b"a"


async def test_a_call_is_known_by_where_it_comes_from() -> None:
    seen: list[object] = []

    def identify(caller: Caller, presented: Presented) -> object:
        seen.append((caller.peer, caller.interface, *presented.headers()))
        return "somebody"

    def screen(caller: Caller) -> None:
        seen.append((caller.identity, caller.trace))

    async def handle(call: Call) -> None:
        seen.append((call.peer, call.interface, call.identity, call.trace))
        call.finish()

    method = say(handle, identify=identify, screen=screen, trace=lambda _: "trace")
    await calls(method).unary(PATH, b"", ORIGIN)
    assert seen == [
        (ORIGIN.peer, "other", ("who", "me")),
        ("somebody", "trace"),
        (ORIGIN.peer, "other", "somebody", "trace"),
    ]


@pytest.mark.parametrize(
    "refusing",
    [
        {"identify": lambda *_: FULL},
        {"screen": lambda _: FULL},
        {"read": lambda *_: FULL},
    ],
)
async def test_a_call_is_refused_wherever_its_method_says_so(refusing: dict[str, object]) -> None:
    async def never(call: Call) -> None:
        raise AssertionError(call)

    assert await refusal(calls(say(never, **refusing))) == FULL


async def test_a_handler_may_end_its_call_by_raising() -> None:
    async def fail(_: Call) -> None:
        raise RpcError(FULL)

    assert await refusal(calls(say(fail))) == FULL
    with pytest.raises(RpcError, match="full"):
        await anext(calls(listen(fail)).stream(PATH, each(), ORIGIN))


async def test_a_bug_of_a_handler_is_logged_and_not_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(_: Call) -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        status = await refusal(calls(say(fail)))
        assert status.code is grpc.StatusCode.INTERNAL
        assert "its log says why" in status.details
        with pytest.raises(RpcError, match="its log says why"):
            await anext(calls(listen(fail)).stream(PATH, each(), ORIGIN))
    assert [record.message for record in caplog.records] == ["call_failed"] * 2


async def test_a_call_ends_at_its_deadline() -> None:
    cancelled = asyncio.Event()

    async def wait(call: Call) -> None:
        assert call.time_remaining() is not None
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    status = await refusal(calls(say(wait)), ORIGIN._replace(seconds=0.01))
    assert status.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert cancelled.is_set()


async def test_who_gives_up_ends_the_call() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def wait(_: Call) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    tally = Tally()
    calling = asyncio.create_task(calls(say(wait), tally).unary(PATH, b"", ORIGIN))
    await began.wait()
    assert tally.of(ORIGIN.peer) == 1
    calling.cancel()
    await asyncio.wait((calling,))
    assert ended.is_set()
    assert tally.total == 0


async def test_a_stream_is_answered_message_by_message() -> None:
    local = calls(listen())
    assert [one async for one in local.stream(PATH, each(b"a", b"b"), ORIGIN)] == [b"a", b"b"]


async def test_a_stream_that_fails_has_its_answers_before() -> None:
    async def one_only(call: Call) -> None:
        await call.write(b"a")
        call.finish(FULL)

    answers = calls(listen(one_only)).stream(PATH, each(), ORIGIN)
    assert await anext(answers) == b"a"
    with pytest.raises(RpcError, match="full"):
        await anext(answers)


async def test_who_leaves_a_stream_ends_it() -> None:
    ended = asyncio.Event()

    async def endless(call: Call) -> None:
        try:
            while True:
                await call.write(b"a")
        finally:
            ended.set()

    tally = Tally()
    async with aclosing(calls(listen(endless), tally).stream(PATH, each(), ORIGIN)) as answers:
        await anext(answers)
        assert tally.total == 1
    assert ended.is_set()
    assert tally.total == 0


async def test_there_are_so_many_streams_and_no_more() -> None:
    local = calls(listen(), streams=1)

    async def never() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.Event().wait()

    async with (
        aclosing(local.stream(PATH, never(), ORIGIN)) as first,
        aclosing(local.stream(PATH, never(), ORIGIN._replace(peer="ipv4:127.0.0.1:2"))) as second,
    ):
        await anext(first)
        await anext(second)  # one of each connection is let in, whoever has the others
        with pytest.raises(RpcError, match="2 streams are in progress"):
            await anext(local.stream(PATH, never(), ORIGIN._replace(peer="ipv4:127.0.0.1:3")))
