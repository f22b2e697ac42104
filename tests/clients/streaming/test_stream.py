import itertools
import threading
from collections.abc import Iterator
from contextlib import suppress

import grpc
import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]

from dragoman import (
    AuthenticationError,
    Client,
    ConnectError,
    DeadlineExceededError,
    InvalidArgumentError,
    QueueFullError,
    ServerError,
    StreamResult,
    UnavailableError,
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


def translated(results: Iterator[StreamResult]) -> list[str]:
    return [result.translation.translated_text for result in results]


def dragoman_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("dragoman-")]


def answer_then_abort(count: int, code: int) -> StreamScript:
    def script(requests: Requests, context: grpc.ServicerContext) -> Responses:
        for request in itertools.islice(requests, count):
            yield answer(request)
        abort(context, status(code, "going away"))

    return script


def test_results_come_in_the_order_of_the_texts(client: Client) -> None:
    texts = [f"text {number}" for number in range(500)]
    results = list(client.translate_stream(texts))
    assert [result.index for result in results] == list(range(500))
    assert [result.text for result in results] == texts
    assert [r.translation.translated_text for r in results] == [text.upper() for text in texts]


def test_no_texts_give_no_results_and_no_call(server: FakeServer, client: Client) -> None:
    assert list(client.translate_stream([])) == []
    assert server.streams_opened == 0


def test_answers_out_of_order_are_put_in_order(server: FakeServer, client: Client) -> None:
    def backwards(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        yield from map(answer, reversed(list(itertools.islice(requests, 5))))

    server.streams.append(backwards)
    assert translated(client.translate_stream("abcde"[i] for i in range(5))) == list("ABCDE")


def test_an_endless_input_is_read_no_further_than_the_window(client: Client) -> None:
    read: list[int] = []

    def endless() -> Iterator[str]:
        for number in itertools.count():
            read.append(number)
            yield str(number)

    results = client.translate_stream(endless(), max_concurrency=7)
    for taken in range(1, 51):
        assert next(results).translation.translated_text == str(taken - 1)
        assert len(read) <= taken + 7
    results.close()


def test_nothing_is_read_before_the_first_result_is_asked_for(client: Client) -> None:
    client.translate_stream(pytest.fail(text) for text in ["too early"])


def test_results_come_while_the_input_waits(client: Client) -> None:
    more = threading.Event()

    def slow() -> Iterator[str]:
        yield "first"
        more.wait()
        yield "second"

    results = client.translate_stream(slow())
    assert next(results).translation.translated_text == "FIRST"
    more.set()
    assert translated(results) == ["SECOND"]


def test_a_refused_text_fails_alone(server: FakeServer, client: Client) -> None:
    def refuse_b(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        problem = status(
            code_pb2.INVALID_ARGUMENT,
            "content has 9 tokens; allowed: at most 8",
            bad_field("content", "content has 9 tokens; allowed: at most 8", "TOO_LONG"),
        )
        for request in requests:
            yield refusal(request, problem) if request.content == "b" else answer(request)

    server.streams.append(refuse_b)
    first, second, third = client.translate_stream(["a", "b", "c"])
    assert first.error is third.error is None
    assert third.translation.translated_text == "C"
    assert isinstance(second.error, InvalidArgumentError)
    assert second.error.violations[0].reason == "TOO_LONG"
    with pytest.raises(InvalidArgumentError, match="at most 8"):
        _ = second.translation


def test_a_text_that_utf8_cannot_carry_fails_alone(client: Client) -> None:
    first, second, third = client.translate_stream(["a", "b\ud800", "x" * 5_000_000])
    assert first.error is None
    assert isinstance(second.error, InvalidArgumentError)
    assert "U+D800" in str(second.error)
    assert isinstance(third.error, InvalidArgumentError)
    assert third.error.reason == "TEXT_TOO_LONG"


def test_texts_that_a_full_queue_refuses_are_sent_again(server: FakeServer, client: Client) -> None:
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
    assert translated(client.translate_stream(texts)) == [text.upper() for text in texts]
    assert len(refused) == 100
    assert server.streams_opened == 1


@pytest.mark.parametrize("code", [code_pb2.UNAVAILABLE, code_pb2.CANCELLED])
def test_a_broken_stream_loses_and_repeats_nothing(
    server: FakeServer, client: Client, code: int
) -> None:
    server.streams += [answer_then_abort(10, code), answer_then_abort(25, code)]
    texts = [f"text {number}" for number in range(100)]
    assert translated(client.translate_stream(texts)) == [text.upper() for text in texts]
    assert server.streams_opened == 3


def test_a_stream_that_ends_early_is_reopened(server: FakeServer, client: Client) -> None:
    def answer_three(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        yield from map(answer, itertools.islice(requests, 3))

    server.streams.append(answer_three)
    assert translated(client.translate_stream("abcdef"[i] for i in range(6))) == list("ABCDEF")


def test_a_draining_server_finishes_what_it_took(server: FakeServer, client: Client) -> None:
    def drain(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        taken = list(itertools.islice(requests, 4))
        yield refusal(taken[3], draining())
        assert not list(requests)  # the client sends no more over this call
        yield from map(answer, taken[:3])

    server.streams.append(drain)
    results = client.translate_stream(list("abcdefgh"), max_concurrency=4)
    assert translated(results) == list("ABCDEFGH")
    assert server.streams_opened == 2


def test_an_old_stream_moves_to_another_call_and_loses_nothing(
    server: FakeServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dragoman.streaming.window.CALL_SECONDS", 0.02)
    texts = [f"text {number}" for number in range(2000)]
    assert translated(client.translate_stream(texts)) == [text.upper() for text in texts]
    assert server.streams_opened > 2


def test_a_stream_that_breaks_without_progress_is_given_up(server: FakeServer) -> None:
    server.streams += [answer_then_abort(0, code_pb2.UNAVAILABLE)] * 20
    with (
        Client(server.target, retry_seconds=1) as client,
        pytest.raises(UnavailableError, match="going away"),
    ):
        list(client.translate_stream(["a"]))
    assert 2 <= server.streams_opened <= 6


def test_a_server_that_goes_away_is_told_as_that(server: FakeServer) -> None:
    with Client(server.target, retry_seconds=0.3) as client:
        results = client.translate_stream(map(str, itertools.count()), max_concurrency=4)
        for _ in range(6):
            next(results)
        server.stop()
        with pytest.raises(ConnectError, match=r"went away after \d+ texts .* refused"):
            list(results)


def test_a_stream_that_the_server_refuses_is_not_retried(
    server: FakeServer, client: Client
) -> None:
    server.streams.append(answer_then_abort(1, code_pb2.UNAUTHENTICATED))
    results = client.translate_stream(["a", "b"])
    assert next(results).translation.translated_text == "A"
    with pytest.raises(AuthenticationError):
        next(results)


def test_no_server_is_a_connect_error_that_says_how_to_start_one() -> None:
    with (
        Client("127.0.0.1:1", retry_seconds=0) as client,
        pytest.raises(ConnectError, match=r"127\.0\.0\.1:1.*dragoman serve"),
    ):
        list(client.translate_stream(["a"]))


def test_a_server_that_stops_answering_exceeds_the_deadline(
    server: FakeServer, client: Client
) -> None:
    def only_the_first(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        yield answer(next(requests))
        list(requests)

    for seconds in (0.2, 2.0, 20.0):  # a machine may stand still before the first answer
        server.streams.append(only_the_first)
        results = client.translate_stream(["a", "b", "c"], timeout=seconds)
        with suppress(DeadlineExceededError):
            first = next(results)
            break
    assert first.translation.translated_text == "A"
    with pytest.raises(DeadlineExceededError, match=rf"none of 2 texts .* within {seconds:g} s"):
        next(results)


def test_a_queue_that_stays_full_is_reported_as_such(server: FakeServer, client: Client) -> None:
    def refuse_all(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            yield refusal(request, queue_full())

    def ask() -> None:
        for seconds in (0.2, 2.0, 20.0):  # a machine may stand still before the first answer
            server.streams.append(refuse_all)
            with suppress(DeadlineExceededError):
                list(client.translate_stream(["a"], timeout=seconds))

    with pytest.raises(QueueFullError):
        ask()


def test_a_failing_input_raises_after_the_results_before_it(client: Client) -> None:
    def broken() -> Iterator[str]:
        yield "a"
        raise OSError("disk on fire")

    results = client.translate_stream(broken())
    assert next(results).translation.translated_text == "A"
    with pytest.raises(OSError, match="disk on fire"):
        next(results)


def test_a_consumer_that_stops_early_cancels_the_stream(server: FakeServer, client: Client) -> None:
    cancelled = threading.Event()

    def watch(requests: Requests, context: grpc.ServicerContext) -> Responses:
        context.add_callback(cancelled.set)
        return answer_each(requests, context)

    server.streams.append(watch)
    for _result in client.translate_stream(map(str, itertools.count()), max_concurrency=4):
        break
    assert cancelled.wait(60)
    for thread in dragoman_threads():  # who is in the input at that moment ends by itself
        thread.join(60)
    assert not dragoman_threads()


def test_no_thread_outlives_a_finished_stream(client: Client) -> None:
    assert len(list(client.translate_stream(["a"] * 100))) == 100
    assert not dragoman_threads()


def test_an_answer_to_nothing_ends_the_stream(server: FakeServer, client: Client) -> None:
    def confused(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        request = next(requests)
        request.id = "17"
        yield answer(request)

    server.streams.append(confused)
    with pytest.raises(ServerError, match="'17', which is not waiting"):
        list(client.translate_stream(["a"]))


def test_an_answer_that_cannot_be_read_ends_the_stream(server: FakeServer, client: Client) -> None:
    def garbled(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        problem = status(code_pb2.INTERNAL, "a bug", bad_field("content", "why"))
        problem.details[0].value = b"\xff"
        for request in requests:
            yield refusal(request, problem)

    server.streams.append(garbled)
    with pytest.raises(ServerError, match="cannot be read"):
        list(client.translate_stream(["a"]))


def test_a_client_closed_meanwhile_ends_the_stream(client: Client) -> None:
    results = client.translate_stream(map(str, itertools.count()))
    next(results)
    client.close()
    with pytest.raises(UsageError, match="the client is closed"):
        list(results)


def test_a_server_that_is_replaced_costs_nothing(server: FakeServer, client: Client) -> None:
    texts = [f"text {number}" for number in range(200)]
    results = client.translate_stream(texts)
    taken = [next(results) for _ in range(20)]
    server.stop()
    with FakeServer(port=server.port):
        taken += results
    assert translated(iter(taken)) == [text.upper() for text in texts]


def test_wrong_types_are_refused_with_what_is_right(client: Client) -> None:
    with pytest.raises(InvalidArgumentError, match="translate takes a single str"):
        client.translate_stream("hello")
    with pytest.raises(InvalidArgumentError, match="max_concurrency must be at least 1, not 0"):
        client.translate_stream(["a"], max_concurrency=0)
