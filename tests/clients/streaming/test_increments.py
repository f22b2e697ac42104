"""A translation as it grows, by either client."""

import importlib
import threading
from collections.abc import Awaitable, Callable

import grpc
import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]

from dragoman import (
    AsyncClient,
    AuthenticationError,
    Client,
    DeadlineExceededError,
    InvalidArgumentError,
    ServerError,
    Translation,
    UsageError,
)
from dragoman.v1 import translation_pb2 as pb
from tests.clients.fake_server import (
    FakeServer,
    Requests,
    Responses,
    StreamScript,
    abort,
    answer,
    bad_field,
    draining,
    queue_full,
    refusal,
    status,
)

Grow = Callable[[str, float], Awaitable[list[str | Translation]]]


def partial(request: pb.StreamTranslateTextRequest, text: str) -> pb.StreamTranslateTextResponse:
    return pb.StreamTranslateTextResponse(id=request.id, partial_text=text)


def grow(requests: Requests, _context: grpc.ServicerContext) -> Responses:
    for request in requests:
        assert request.partial_results
        for end in range(1, len(request.content)):
            yield partial(request, request.content[:end].upper())
        yield answer(request)


def break_off(requests: Requests, context: grpc.ServicerContext) -> Responses:
    yield partial(next(requests), "A")
    abort(context, status(code_pb2.UNAVAILABLE, "going away"))


def say_nothing(requests: Requests, _context: grpc.ServicerContext) -> Responses:
    next(requests)
    return iter(())


def refuse_with(failure: Callable[[], object]) -> StreamScript:
    def script(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        yield refusal(next(requests), failure())

    return script


@pytest.fixture(params=[Client, AsyncClient])
def grown(request: pytest.FixtureRequest, server: FakeServer) -> Grow:
    async def increments(text: str, timeout: float) -> list[str | Translation]:  # noqa: ASYNC109
        if request.param is Client:
            with Client(server.target, timeout=timeout) as client:
                return list(client.translate_incrementally(text, beam_size=2))
        async with AsyncClient(server.target, timeout=timeout) as client:
            growing = client.translate_incrementally(text, beam_size=2)
            return [increment async for increment in growing]

    return increments


def shown(increments: list[str | Translation]) -> list[str]:
    return [each.translated_text if isinstance(each, Translation) else each for each in increments]


async def test_beginnings_come_before_the_translation(server: FakeServer, grown: Grow) -> None:
    server.streams.append(grow)
    increments = await grown("abc", 20)
    assert shown(increments) == ["A", "AB", "ABC"]
    assert isinstance(increments[-1], Translation)


@pytest.mark.parametrize(
    "failing", [break_off, say_nothing, refuse_with(queue_full), refuse_with(draining)]
)
async def test_what_may_pass_is_tried_again_from_the_beginning(
    server: FakeServer, grown: Grow, failing: StreamScript
) -> None:
    server.streams += [failing, grow]
    assert shown(await grown("abc", 20))[-3:] == ["A", "AB", "ABC"]
    assert server.streams_opened == 2


async def test_an_error_says_which_field_is_wrong(server: FakeServer, grown: Grow) -> None:
    told = status(code_pb2.INVALID_ARGUMENT, "wrong", bad_field("options.beam_size", "is 99"))
    server.streams.append(refuse_with(lambda: told))
    with pytest.raises(InvalidArgumentError, match="is 99") as caught:
        await grown("abc", 20)
    assert [violation.field for violation in caught.value.violations] == ["options.beam_size"]
    assert server.streams_opened == 1


async def test_a_refusal_is_told_though_the_text_may_come_after_it(server: FakeServer) -> None:
    def refuse(_: Requests, context: grpc.ServicerContext) -> Responses:
        abort(context, status(code_pb2.UNAUTHENTICATED, "no key"))
        return iter(())

    server.streams += [refuse] * 100
    async with AsyncClient(server.target, timeout=20, retry_seconds=0) as client:
        for _ in range(100):
            with pytest.raises(AuthenticationError, match="no key"):
                await anext(client.translate_incrementally("abc"))


async def test_an_answer_without_a_result_is_a_fault_of_the_server(
    server: FakeServer, grown: Grow
) -> None:
    server.streams.append(lambda _, __: iter((pb.StreamTranslateTextResponse(id="0"),)))
    with pytest.raises(ServerError, match="cannot be read"):
        await grown("abc", 20)


def wait_at_most(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the server to end an answered call."""
    for name in ("increments", "async_increments"):  # of the package it is a function, too
        module = importlib.import_module(f"dragoman.streaming.{name}")
        monkeypatch.setattr(module, "GOODBYE_SECONDS", seconds)


async def test_a_call_that_is_answered_is_left_to_the_server_to_end(
    server: FakeServer, grown: Grow, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_at_most(60.0, monkeypatch)
    given_up: list[bool] = []

    def take_time(requests: Requests, context: grpc.ServicerContext) -> Responses:
        cancelled = threading.Event()
        context.add_callback(cancelled.set)
        yield answer(next(requests))
        given_up.append(cancelled.wait(0.1))

    server.streams.append(take_time)
    assert shown(await grown("abc", 60)) == ["ABC"]
    assert given_up == [False]


async def test_a_server_that_does_not_end_an_answered_call_is_not_waited_for(
    server: FakeServer, grown: Grow, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_at_most(0.05, monkeypatch)
    cancelled = threading.Event()

    def stay(requests: Requests, context: grpc.ServicerContext) -> Responses:
        context.add_callback(cancelled.set)
        yield answer(next(requests))
        cancelled.wait()

    server.streams.append(stay)
    assert shown(await grown("abc", 60)) == ["ABC"]
    assert cancelled.wait(60)


async def test_it_ends_at_its_deadline(server: FakeServer, grown: Grow) -> None:
    came, hold = threading.Event(), threading.Event()

    def wait(requests: Requests, context: grpc.ServicerContext) -> Responses:
        context.add_callback(hold.set)
        came.set()
        yield partial(next(requests), "A")
        hold.wait()

    server.streams.append(wait)
    seconds = 0.2
    while not came.is_set():  # a machine that stands still lets it pass before
        with pytest.raises(DeadlineExceededError):
            await grown("abc", seconds)
        seconds *= 10
    assert hold.wait(60)  # the server knows, and gives up


def test_leaving_it_gives_the_text_up(server: FakeServer, client: Client) -> None:
    given_up = threading.Event()

    def wait(requests: Requests, context: grpc.ServicerContext) -> Responses:
        context.add_callback(given_up.set)
        yield partial(next(requests), "A")
        given_up.wait()

    server.streams.append(wait)
    growing = client.translate_incrementally("abc")
    assert next(growing) == "A"
    growing.close()
    assert given_up.wait(60)


async def test_leaving_it_gives_the_text_up_on_asyncio_too(server: FakeServer) -> None:
    given_up = threading.Event()

    def wait(requests: Requests, context: grpc.ServicerContext) -> Responses:
        context.add_callback(given_up.set)
        yield partial(next(requests), "A")
        given_up.wait()

    server.streams.append(wait)
    async with AsyncClient(server.target) as client:
        growing = client.translate_incrementally("abc")
        assert await anext(growing) == "A"
        await growing.aclose()
        assert given_up.wait(60)


async def test_wrong_arguments_and_closed_clients_are_told_at_once(server: FakeServer) -> None:
    for make in (Client, AsyncClient):
        client = make(server.target)
        with pytest.raises(InvalidArgumentError, match="text must be str, not list"):
            client.translate_incrementally(["abc"])  # type: ignore[arg-type]
        closing = client.close()
        if closing is not None:
            await closing
        with pytest.raises(UsageError, match="closed"):
            client.translate_incrementally("abc")
