"""StreamTranslateText: answers in any order, errors per text, partial texts, backpressure."""

import math
import time
from typing import Any

import grpc
import pytest
from grpc import aio

from dragoman.v1.translation_pb2 import SEGMENTATION_NONE
from dragoman.v1.translation_pb2 import (
    StreamTranslateTextRequest as Request,
)
from dragoman.v1.translation_pb2 import (
    StreamTranslateTextResponse as Response,
)
from dragoman_server.errors import BackendError, WouldExpireError
from tests.server.service.harness import (
    SERVICE,
    Running,
    failure_of,
    overdue,
    read,
    running,
    unpacked,
)


async def test_answers_come_as_texts_finish_and_the_stream_ends_after_the_last(
    server: Running,
) -> None:
    call = server.stub.StreamTranslateText()
    for text_id in ("1", "2", "3"):
        await call.write(Request(id=text_id, content=f"text {text_id}"))
    await call.done_writing()
    texts = await server.engine.has_texts(3)
    assert [text.sender.texts_before for text in texts] == [0, 1, 2]
    answers = []
    for index in (1, 2, 0):
        texts[index].finish()
        answers.append(await read(call))
    assert [answer.id for answer in answers] == ["2", "3", "1"]
    assert [answer.translation.translated_text for answer in answers] == [
        "text 2",
        "text 3",
        "text 1",
    ]
    assert await call.read() is aio.EOF
    assert await call.code() == grpc.StatusCode.OK


async def test_a_wrong_text_is_answered_under_its_id_and_the_stream_goes_on(
    server: Running,
) -> None:
    server.engine.echo = True
    call = server.stub.StreamTranslateText()
    wrong = {
        "nul": Request(content="a\0"),
        "long": Request(content="b " * 16, segmentation=SEGMENTATION_NONE),
        "model": Request(content="a", model="other"),
        "language": Request(content="a", target_language_code="fr"),
    }
    reasons = {}
    for text_id, request in wrong.items():
        request.id = text_id
        await call.write(request)
        answer = await read(call)
        reasons[answer.id] = unpacked(answer.error).reason
    assert reasons == {
        "nul": "NUL_CHARACTER",
        "long": "TEXT_TOO_LONG",
        "model": "MODEL_NOT_FOUND",
        "language": "LANGUAGE_PAIR_NOT_FOUND",
    }
    await call.write(Request(id="right", content="a"))
    assert (await read(call)).translation.translated_text == "a"
    call.cancel()


async def test_errors_of_a_text_name_its_field(server: Running) -> None:
    call = server.stub.StreamTranslateText()
    await call.write(Request(id="1", content="b " * 16, segmentation=SEGMENTATION_NONE))
    failure = unpacked((await read(call)).error)
    assert failure.fields == {"content": "content has 17 source tokens; allowed: at most 16"}
    call.cancel()


async def test_a_full_queue_and_a_failed_backend_are_answers(server: Running) -> None:
    call = server.stub.StreamTranslateText()
    await call.write(Request(id="1", content="a"))
    (text,) = await server.engine.has_texts(1)
    server.engine.room = 0
    await call.write(Request(id="2", content="b"))
    full = await read(call)
    assert (full.id, unpacked(full.error).reason) == ("2", "QUEUE_FULL")
    assert unpacked(full.error).retry_seconds == 0.25
    text.fail(BackendError("broken"))
    broken = await read(call)
    assert (broken.id, unpacked(broken.error).reason) == ("1", "BACKEND_FAILED")
    call.cancel()


async def test_a_long_id_ends_the_stream_once_its_texts_are_answered(server: Running) -> None:
    call = server.stub.StreamTranslateText()
    await call.write(Request(id="x" * 128, content="a"))
    await call.write(Request(id="x" * 129, content="b"))
    await call.write(Request(id="1", content="c"))
    (text,) = await server.engine.has_texts(1)
    text.finish()
    assert (await read(call)).translation.translated_text == "a"
    failure = await failure_of(call.read())
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "ID_TOO_LONG")
    assert failure.message == "id has 129 code points; allowed: at most 128"
    assert len(server.engine.texts) == 1


async def test_an_id_that_is_waited_for_is_refused_and_free_again_afterwards(
    server: Running,
) -> None:
    call = server.stub.StreamTranslateText()
    await call.write(Request(id="1", content="a"))
    (text,) = await server.engine.has_texts(1)
    await call.write(Request(id="1", content="b"))
    failure = unpacked((await read(call)).error)
    assert (failure.reason, failure.metadata["field"]) == ("DUPLICATE_ID", "id")
    text.finish()
    assert (await read(call)).translation.translated_text == "a"
    await call.write(Request(id="1", content="c"))
    (await server.engine.has_texts(2))[1].finish()
    assert (await read(call)).translation.translated_text == "c"
    call.cancel()


async def test_an_empty_text_is_answered_without_the_engine(server: Running) -> None:
    call = server.stub.StreamTranslateText()
    await call.write(Request(id="1", content=" "))
    assert (await read(call)).translation.model == "tiny"
    assert server.engine.texts == []
    call.cancel()


async def test_partial_texts_are_sent_when_they_changed_and_only_on_request(
    server: Running,
) -> None:
    call = server.stub.StreamTranslateText()
    await call.write(Request(id="1", content="a b c", partial_results=True))
    await call.write(Request(id="2", content="d e f"))
    texts = await server.engine.has_texts(2)
    assert texts[1].on_partial is None
    seen: list[str] = []
    for length in (1, 1, 2):
        texts[0].partial(length)
        if length == 1 and seen:
            continue  # nothing new: nothing is sent
        seen.append((await read(call)).partial_text)
    assert seen == ["a", "a b"]
    texts[0].finish()
    assert (await read(call)).translation.translated_text == "a b c"
    call.cancel()


async def test_a_slow_reader_skips_partial_texts_instead_of_filling_memory(
    server: Running,
) -> None:
    call = server.stub.StreamTranslateText()
    await call.write(Request(id="1", content="a b c d", partial_results=True))
    (text,) = await server.engine.has_texts(1)
    for length in (1, 2, 3):  # before the stream gets a turn
        text.partial(length)
    assert (await read(call)).partial_text == "a b c"
    text.finish()
    assert (await read(call)).translation.translated_text == "a b c d"
    call.cancel()


async def test_reading_pauses_while_the_limit_of_texts_is_unanswered() -> None:
    async with running(max_stream_texts=2) as server:
        call = server.stub.StreamTranslateText()
        for number in range(5):
            await call.write(Request(id=str(number), content=f"text {number}"))
        await call.done_writing()
        answered = []
        for number in range(5):
            texts = await server.engine.has_texts(min(number + 2, 5))
            await server.health()  # a round trip: the server had time to read too much
            assert len(texts) == min(number + 2, 5)
            texts[number].finish()
            answered.append((await read(call)).id)
        assert answered == ["0", "1", "2", "3", "4"]
        assert await call.read() is aio.EOF


async def test_a_wrong_text_holds_its_place_until_it_is_answered() -> None:
    async with running(max_stream_texts=1) as server:
        server.engine.echo = True
        call = server.stub.StreamTranslateText(
            Request(id=str(number), content="a\0" if number % 2 else "a") for number in range(20)
        )
        ids = [answer.id async for answer in call]
        assert ids == [str(number) for number in range(20)]


async def test_cancelling_the_stream_frees_every_text(server: Running) -> None:
    call = server.stub.StreamTranslateText()
    for number in range(3):
        await call.write(Request(id=str(number), content="a"))
    await server.engine.has_texts(3)
    call.cancel()
    await server.engine.all_cancelled()


async def test_the_streams_deadline_frees_every_text(server: Running) -> None:
    async def call(seconds: float) -> None:
        stream = server.stub.StreamTranslateText(timeout=seconds)
        await stream.write(Request(id="1", content="a"))
        await stream.read()

    error = await overdue(server.engine, call)
    assert isinstance(error, aio.AioRpcError)
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    await server.engine.all_cancelled()


async def test_without_a_deadline_each_text_gets_the_servers() -> None:
    async with running(default_timeout_seconds=0.05) as server:
        call = server.stub.StreamTranslateText()
        await call.write(Request(id="1", content="a"))
        failure = unpacked((await read(call)).error)
        assert failure.code == grpc.StatusCode.DEADLINE_EXCEEDED
        await server.engine.all_cancelled()
        call.cancel()


async def test_a_text_is_due_at_its_own_timeout_alone() -> None:
    async with running(default_timeout_seconds=30) as server:
        call = server.stub.StreamTranslateText()
        before = time.monotonic()
        await call.write(Request(id="1", content="a"))
        (text,) = await server.engine.has_texts(1)
        assert before + 29.9 < text.limit.due < time.monotonic() + 30
        assert text.limit.deadline == text.limit.due
        assert server.engine.checked == [text.limit]
        call.cancel()


async def test_a_streams_deadline_lets_no_text_begin_later_but_refuses_none() -> None:
    async with running(default_timeout_seconds=30) as server:
        call = server.stub.StreamTranslateText(timeout=600)
        before = time.monotonic()
        await call.write(Request(id="1", content="a"))
        (text,) = await server.engine.has_texts(1)
        assert text.limit.due == math.inf
        assert before + 550 < text.limit.deadline < time.monotonic() + 601
        call.cancel()


async def test_a_refused_text_is_an_answer_and_the_stream_goes_on(server: Running) -> None:
    call = server.stub.StreamTranslateText()
    server.engine.refusal = WouldExpireError("late", retry_after_seconds=2, remaining_seconds=1)
    await call.write(Request(id="1", content="a"))
    failure = unpacked((await read(call)).error)
    assert (failure.reason, failure.retry_seconds) == ("WOULD_EXPIRE", 2)
    server.engine.refusal = None
    server.engine.echo = True
    await call.write(Request(id="2", content="b"))
    assert (await read(call)).translation.translated_text == "b"
    call.cancel()


async def test_a_message_that_is_not_utf8_ends_the_stream_after_the_accepted_texts(
    server: Running,
) -> None:
    call: Any = server.channel.stream_stream(f"/{SERVICE}/StreamTranslateText")()
    await call.write(Request(id="1", content="a").SerializeToString())
    await call.write(b"\x12\x02\xff\xfe")
    (text,) = await server.engine.has_texts(1)
    await server.health()
    text.finish()
    answer = Response.FromString(await call.read())
    assert answer.translation.translated_text == "a"
    failure = await failure_of(call.read())
    assert failure.reason == "MALFORMED_MESSAGE"


async def test_a_stream_that_says_nothing_ends_with_nothing(server: Running) -> None:
    call = server.stub.StreamTranslateText()
    await call.done_writing()
    assert await call.read() is aio.EOF


@pytest.mark.parametrize("texts", [300])
async def test_many_texts_are_each_answered_once(server: Running, texts: int) -> None:
    server.engine.echo = True
    requests = [Request(id=str(number), content=f"t{number}") for number in range(texts)]
    answers = [answer async for answer in server.stub.StreamTranslateText(iter(requests))]
    assert {answer.id: answer.translation.translated_text for answer in answers} == {
        str(number): f"t{number}" for number in range(texts)
    }
    assert len(answers) == texts
