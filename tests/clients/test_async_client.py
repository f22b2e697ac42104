import asyncio
import contextlib
import itertools
import threading
from collections.abc import AsyncIterator, Iterator

import grpc
import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]

from dragoman import (
    AsyncClient,
    AuthenticationError,
    ConnectError,
    DeadlineExceededError,
    InvalidArgumentError,
    ServerError,
    StreamResult,
    UsageError,
)
from tests.clients.fake_server import (
    FakeServer,
    Requests,
    Responses,
    StreamScript,
    abort,
    answer,
    answer_each,
    bad_field,
    draining,
    queue_full,
    refusal,
    status,
)


@pytest.fixture
async def client(server: FakeServer) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.target, timeout=60) as client:
        yield client


async def translated(results: AsyncIterator[StreamResult]) -> list[str]:
    return [result.translation.translated_text async for result in results]


def answer_then_abort(count: int, code: int) -> StreamScript:
    def script(requests: Requests, context: grpc.ServicerContext) -> Responses:
        for request in itertools.islice(requests, count):
            yield answer(request)
        abort(context, status(code, "going away"))

    return script


def until_called(server: FakeServer, count: int) -> None:
    while len(server.requests) < count:
        pass


def own_tasks() -> list[str]:
    return [t.get_name() for t in asyncio.all_tasks() if t.get_name().startswith("dragoman-")]


async def test_a_text_gives_a_translation_and_a_list_a_list(client: AsyncClient) -> None:
    assert (await client.translate("hello")).translated_text == "HELLO"
    assert [t.translated_text for t in await client.translate(["a", "b"])] == ["A", "B"]


async def test_long_lists_are_cut_and_kept_in_order(
    server: FakeServer, client: AsyncClient
) -> None:
    server.limits.max_contents = 100
    texts = [f"t{number}" for number in range(1234)]
    assert [t.translated_text for t in await client.translate(texts)] == [t.upper() for t in texts]
    assert len(server.requests) == 13


async def test_several_languages_give_what_one_gives_by_their_codes(
    server: FakeServer, client: AsyncClient
) -> None:
    server.limits.max_contents = 4
    assert (await client.translate_into("a", ["de"]))["de"].translated_text == "A"
    answer = await client.translate_into(["a", "b", "c"], ["de", "fr"])
    assert list(answer) == ["de", "fr"]
    told = [(each.translated_text, each.target_language_code) for each in answer["fr"]]
    assert told == [("A", "fr"), ("B", "fr"), ("C", "fr")]
    assert sorted(len(request.contents) for request in server.requests) == [1, 1, 2]


async def test_an_error_in_a_later_part_names_the_place_in_the_whole_list(
    server: FakeServer, client: AsyncClient
) -> None:
    too_long = "contents[0] has 9 tokens; allowed: at most 8"
    server.limits.max_contents = 1
    problem = status(code_pb2.INVALID_ARGUMENT, too_long, bad_field("contents[0]", too_long))
    await client.translate(["a", "b"])  # learns the limits
    server.failures += [problem] * 9
    with pytest.raises(InvalidArgumentError, match=r"contents\[0\] has 9 tokens"):
        await client.translate(["a"] * 6)


async def test_passing_failures_are_tried_again(server: FakeServer, client: AsyncClient) -> None:
    server.failures += [queue_full(), draining(), queue_full(), draining()]
    assert (await client.translate("a")).translated_text == "A"
    assert len(server.requests) == 5


async def test_a_server_that_is_replaced_during_a_call_costs_nothing_either(
    server: FakeServer, client: AsyncClient
) -> None:
    server.limits.max_contents = 2
    await client.translate(["a", "b"])
    server.requests.clear()
    server.hold.clear()
    texts = [f"text {number}" for number in range(20)]
    called = asyncio.create_task(client.translate(texts))
    await asyncio.to_thread(until_called, server, 3)
    await asyncio.to_thread(server.stop)
    with FakeServer(port=server.port) as new:
        new.limits.max_contents = 2
        assert [t.translated_text for t in await called] == [t.upper() for t in texts]


async def test_a_call_that_ends_with_the_client_says_so(server: FakeServer) -> None:
    client = AsyncClient(server.target)
    server.hold.clear()
    called = asyncio.create_task(client.translate("a"))
    await asyncio.to_thread(until_called, server, 1)
    await client.close()
    server.hold.set()
    with pytest.raises(UsageError, match="the client is closed"):
        await called


async def test_a_call_past_its_timeout_exceeds_the_deadline(
    server: FakeServer, client: AsyncClient
) -> None:
    server.hold.clear()
    with pytest.raises(DeadlineExceededError):
        await client.translate("a", timeout=0.1)


async def test_a_cancelled_task_cancels_its_calls(server: FakeServer, client: AsyncClient) -> None:
    server.hold.clear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.translate("a")


async def test_models_are_listed(client: AsyncClient) -> None:
    assert [model.name for model in await client.models()] == ["fake"]


async def test_languages_are_detected(server: FakeServer, client: AsyncClient) -> None:
    assert (await client.detect("de Hallo")).language_code == "de"
    detected = await client.detect(["en a", "fr b"])
    assert [each.languages[0].language_code for each in detected] == ["en", "fr"]
    assert server.detections == [["de Hallo"], ["en a", "fr b"]]
    (span,) = (await client.detect("de", spans=True)).spans
    assert (span.begin, span.end, span.language_code) == (0, 2, "de")


async def test_no_server_is_a_connect_error() -> None:
    async with AsyncClient("127.0.0.1:1", retry_seconds=0) as client:
        with pytest.raises(ConnectError, match="dragoman serve"):
            await client.translate("a")
        with pytest.raises(ConnectError, match="dragoman serve"):
            await translated(client.translate_stream(["a"]))


def test_a_client_may_be_made_before_its_event_loop(server: FakeServer) -> None:
    client = AsyncClient(server.target)

    async def use() -> str:
        async with client:
            return (await client.translate("a")).translated_text

    assert asyncio.run(use()) == "A"


async def test_a_client_that_was_never_used_closes() -> None:
    async with AsyncClient():
        pass


async def test_stream_results_come_in_the_order_of_the_texts(client: AsyncClient) -> None:
    texts = [f"text {number}" for number in range(500)]
    results = [result async for result in client.translate_stream(texts)]
    assert [result.index for result in results] == list(range(500))
    assert [r.translation.translated_text for r in results] == [text.upper() for text in texts]


async def test_an_async_iterable_is_read_no_further_than_the_window(client: AsyncClient) -> None:
    read: list[int] = []

    async def endless() -> AsyncIterator[str]:
        for number in itertools.count():
            read.append(number)
            yield str(number)

    async with contextlib.aclosing(
        client.translate_stream(endless(), max_concurrency=7)
    ) as results:
        for taken in range(1, 51):
            assert (await anext(results)).translation.translated_text == str(taken - 1)
            assert len(read) <= taken + 7
    assert not own_tasks()


async def test_results_come_while_the_input_waits(client: AsyncClient) -> None:
    more = asyncio.Event()

    async def slow() -> AsyncIterator[str]:
        yield "first"
        await more.wait()
        yield "second"

    results = client.translate_stream(slow())
    assert (await anext(results)).translation.translated_text == "FIRST"
    more.set()
    assert await translated(results) == ["SECOND"]


async def test_a_refused_text_fails_alone(server: FakeServer, client: AsyncClient) -> None:
    def refuse_b(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        problem = status(code_pb2.INVALID_ARGUMENT, "too long")
        for request in requests:
            yield refusal(request, problem) if request.content == "b" else answer(request)

    server.streams.append(refuse_b)
    results = [result async for result in client.translate_stream(["a", "b", "\ud800", "c"])]
    kinds = [type(result.error) for result in results]
    assert kinds == [type(None), InvalidArgumentError, InvalidArgumentError, type(None)]


async def test_texts_that_a_full_queue_refuses_are_sent_again(
    server: FakeServer, client: AsyncClient
) -> None:
    refused = set()

    def refuse_each_once(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            if request.id in refused:
                yield answer(request)
            else:
                refused.add(request.id)
                yield refusal(request, queue_full())

    server.streams.append(refuse_each_once)
    texts = [f"text {number}" for number in range(100)]
    assert await translated(client.translate_stream(texts)) == [text.upper() for text in texts]


async def test_a_broken_stream_loses_and_repeats_nothing(
    server: FakeServer, client: AsyncClient
) -> None:
    breaks = [answer_then_abort(10, code_pb2.UNAVAILABLE), answer_then_abort(9, code_pb2.CANCELLED)]
    server.streams += breaks
    texts = [f"text {number}" for number in range(100)]
    assert await translated(client.translate_stream(texts)) == [text.upper() for text in texts]
    assert server.streams_opened == 3


async def test_an_old_stream_moves_to_another_call_and_loses_nothing(
    server: FakeServer, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dragoman.streaming.window.CALL_SECONDS", 0.02)
    texts = [f"text {number}" for number in range(2000)]
    assert await translated(client.translate_stream(texts)) == [text.upper() for text in texts]
    assert server.streams_opened > 2


async def test_a_stream_that_the_server_refuses_is_not_retried(
    server: FakeServer, client: AsyncClient
) -> None:
    server.streams.append(answer_then_abort(1, code_pb2.UNAUTHENTICATED))
    server.streams += [answer_then_abort(0, code_pb2.UNAUTHENTICATED)] * 9
    results = client.translate_stream(["a", "b"])
    assert (await anext(results)).translation.translated_text == "A"
    with pytest.raises(AuthenticationError):
        await anext(results)
    assert not own_tasks()


async def test_a_server_that_stops_answering_exceeds_the_deadline(
    server: FakeServer, client: AsyncClient
) -> None:
    def only_the_first(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        yield answer(next(requests))
        list(requests)

    for seconds in (0.2, 2.0, 20.0):  # a machine may stand still before the first answer
        server.streams.append(only_the_first)
        results = client.translate_stream(["a", "b", "c"], timeout=seconds)
        with contextlib.suppress(DeadlineExceededError):
            first = await anext(results)
            break
    assert first.translation.translated_text == "A"
    with pytest.raises(DeadlineExceededError, match="none of 2 texts"):
        await anext(results)


async def test_a_failing_input_raises_after_the_results_before_it(client: AsyncClient) -> None:
    def broken() -> Iterator[str]:
        yield "a"
        raise OSError("disk on fire")

    results = client.translate_stream(broken())
    assert (await anext(results)).translation.translated_text == "A"
    with pytest.raises(OSError, match="disk on fire"):
        await anext(results)


async def test_a_consumer_that_stops_early_cancels_the_stream(
    server: FakeServer, client: AsyncClient
) -> None:
    cancelled = threading.Event()

    def watch(requests: Requests, context: grpc.ServicerContext) -> Responses:
        context.add_callback(cancelled.set)
        return answer_each(requests, context)

    server.streams.append(watch)
    texts = map(str, itertools.count())
    async with contextlib.aclosing(client.translate_stream(texts, max_concurrency=4)) as results:
        async for _result in results:
            break
    assert await asyncio.to_thread(cancelled.wait, 60)
    assert not own_tasks()


async def test_a_finished_stream_ended_in_good_order(
    server: FakeServer, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dragoman.streaming.async_stream.GOODBYE_SECONDS", 60.0)
    ended: list[bool] = []

    def watch(requests: Requests, context: grpc.ServicerContext) -> Responses:
        yield from map(answer, requests)
        ended.append(context.is_active())

    server.streams.append(watch)
    assert await translated(client.translate_stream(["a", "b"])) == ["A", "B"]
    assert ended == [True]
    assert not own_tasks()


async def test_an_answer_to_nothing_ends_the_stream(
    server: FakeServer, client: AsyncClient
) -> None:
    def confused(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        request = next(requests)
        request.id = "17"
        yield answer(request)

    server.streams.append(confused)
    with pytest.raises(ServerError, match="'17', which is not waiting"):
        await translated(client.translate_stream(["a"]))


async def test_a_client_closed_meanwhile_ends_the_stream(client: AsyncClient) -> None:
    results = client.translate_stream(map(str, itertools.count()))
    await anext(results)
    await client.close()
    with pytest.raises(UsageError, match="the client is closed"):
        await translated(results)
    assert not own_tasks()


async def test_a_server_that_is_replaced_costs_nothing(
    server: FakeServer, client: AsyncClient
) -> None:
    texts = [f"text {number}" for number in range(200)]
    results = client.translate_stream(texts)
    first = [(await anext(results)).translation.translated_text for _ in range(20)]
    await asyncio.to_thread(server.stop)
    with FakeServer(port=server.port):
        rest = await translated(results)
    assert first + rest == [text.upper() for text in texts]


async def test_a_single_text_is_refused_with_what_is_right(client: AsyncClient) -> None:
    with pytest.raises(InvalidArgumentError, match="translate takes a single str"):
        client.translate_stream("hello")
