"""TranslateText: order, validation, limits, cancellation."""

import asyncio

import grpc
import pytest
from grpc import aio

from dragoman.v1.translation_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    SEGMENTATION_NONE,
    DecodingOptions,
    ListModelsRequest,
    TranslateTextRequest,
    TranslateTextResponse,
    Translation,
)
from dragoman_server.errors import BackendError
from dragoman_server.sequence import Completion, FinishReason
from tests.server.service.fakes import END_ID
from tests.server.service.harness import Failure, Running, failure_of, manifest, running

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def asking(*contents: str) -> TranslateTextRequest:
    return TranslateTextRequest(contents=contents)


def unsplit(*contents: str) -> TranslateTextRequest:
    return TranslateTextRequest(contents=contents, segmentation=SEGMENTATION_NONE)


async def test_translations_come_back_one_to_one_and_in_order(server: Running) -> None:
    call = server.stub.TranslateText(TranslateTextRequest(contents=["a b", "c", "d e f"]))
    texts = await server.engine.has_texts(3)
    for text in reversed(texts):
        text.finish()
    response: TranslateTextResponse = await call
    assert [t.translated_text for t in response.translations] == ["a b", "c", "d e f"]
    assert response.translations[0] == Translation(
        translated_text="a b",
        finish_reason=FINISH_REASON_STOP,
        score=-0.5,
        source_token_count=3,
        target_token_count=2,
        model="tiny",
        model_version="1",
    )


async def test_a_translation_that_reached_its_length_says_so(server: Running) -> None:
    call = server.stub.TranslateText(TranslateTextRequest(contents=["a"]))
    (text,) = await server.engine.has_texts(1)
    text.finish(FinishReason.LENGTH)
    assert (await call).translations[0].finish_reason == FINISH_REASON_LENGTH


async def test_texts_without_anything_to_translate_do_not_reach_the_engine(server: Running) -> None:
    server.engine.echo = True
    contents = ["", "a", " \t\n\u00a0", "~", "b"]
    response = await server.stub.TranslateText(TranslateTextRequest(contents=contents))
    empty = Translation(finish_reason=FINISH_REASON_STOP, model="tiny", model_version="1")
    first, second, third, fourth, fifth = response.translations
    assert first == third == fourth == empty
    assert (second.translated_text, fifth.translated_text) == ("a", "b")
    assert len(server.engine.texts) == 2
    response = await server.stub.TranslateText(TranslateTextRequest(contents=[""]))
    assert list(response.translations) == [empty]


async def test_the_targets_prefix_goes_before_the_source() -> None:
    contents = manifest()
    contents.target_languages[0].source_prefix_ids.append(77)
    async with running(contents) as server:
        server.engine.echo = False
        call = server.stub.TranslateText(TranslateTextRequest(contents=["a"]))
        (text,) = await server.engine.has_texts(1)
        assert text.source_ids == [77, 1, END_ID]
        call.cancel()


async def test_languages_are_told_around_the_source_and_at_the_targets_beginning() -> None:
    contents = manifest("en fr", "de es")
    contents.source_languages[1].prefix_ids.append(71)
    contents.source_languages[1].suffix_ids.extend([72, 73])
    contents.target_languages[1].source_prefix_ids.append(70)
    contents.target_languages[1].target_prefix_ids.extend([2, 1])
    async with running(contents) as server:
        options = DecodingOptions(min_decoding_length=1, max_decoding_length=5, target_prefix="a")
        request = TranslateTextRequest(
            contents=["a"], source_language_code="fr", target_language_code="es", options=options
        )
        call = server.stub.TranslateText(request)
        (text,) = await server.engine.has_texts(1)
        assert text.source_ids == [70, 71, 1, END_ID, 72, 73]
        assert (text.options.target_prefix, text.options.forced_length) == ((2, 1, 1), 2)
        assert (text.options.min_decoding_length, text.options.max_decoding_length) == (3, 7)
        text.future.set_result(
            Completion([2, 1, 1], FinishReason.STOP, -0.5, [0.0, 0.0, -0.25, -0.5])
        )
        (translation,) = (await call).translations
    assert (translation.translated_text, translation.target_token_count) == ("a", 1)
    assert list(translation.token_scores) == [-0.25, -0.5]


async def test_what_the_model_never_says_is_suppressed_beside_what_a_request_asks() -> None:
    contents = manifest()
    contents.special_tokens.suppressed_sequences.add(ids=[5, 6])
    async with running(contents) as server:
        options = DecodingOptions(suppress_sequences=["a"])
        call = server.stub.TranslateText(TranslateTextRequest(contents=["a"], options=options))
        (text,) = await server.engine.has_texts(1)
        assert text.options.suppress_sequences == ((5, 6), (1,))
        call.cancel()


@pytest.mark.parametrize(
    ("request_", "field", "reason", "allowed"),
    [
        (asking(), "contents", "NO_CONTENTS", "1 to 3"),
        (asking("a", "b", "c", "d"), "contents", "TOO_MANY_CONTENTS", "1 to 3"),
        (asking("x" * 60, "ö" * 41), "contents", "TOO_MANY_CODE_POINTS", "at most 100"),
        (
            asking("x" * 10, "\ufdfa" * 4, "\ufdfb" * 3),
            "contents",
            "TOO_MANY_CODE_POINTS",
            "at most 100",
        ),
        (asking("a", "b\0c"), "contents[1]", "NUL_CHARACTER", "text without NUL characters"),
        (unsplit("a", "b " * 16), "contents[1]", "TEXT_TOO_LONG", "at most 16"),
    ],
)
async def test_a_wrong_field_is_named_with_what_it_has_and_what_is_allowed(
    request_: TranslateTextRequest, field: str, reason: str, allowed: str
) -> None:
    async with running(max_contents=3, max_code_points=100) as server:
        failure = await failure_of(server.stub.TranslateText(request_))
    assert (failure.code, failure.reason, failure.domain) == (INVALID, reason, "dragoman")
    assert failure.metadata["field"] == field
    assert failure.metadata["allowed"] == allowed
    assert failure.metadata["given"] in failure.message
    assert failure.fields == {field: failure.message}
    assert allowed.removeprefix("at most ") in failure.message
    assert server.engine.texts == []


async def test_a_text_that_is_too_long_is_told_its_token_count(server: Running) -> None:
    failure = await failure_of(server.stub.TranslateText(unsplit("b " * 16)))
    assert failure.message == "contents[0] has 17 source tokens; allowed: at most 16"


async def test_an_unknown_model_is_told_which_exist(server: Running) -> None:
    request = TranslateTextRequest(contents=["a"], model="x" * 100)
    failure = await failure_of(server.stub.TranslateText(request))
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")
    assert "'tiny'" in failure.message
    assert len(failure.message) < 100


async def test_an_unknown_language_pair_is_told_which_exist(server: Running) -> None:
    request = TranslateTextRequest(contents=["a"], source_language_code="fr")
    failure = await failure_of(server.stub.TranslateText(request))
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "LANGUAGE_PAIR_NOT_FOUND")
    assert "it translates from en, it translates into de" in failure.message


async def test_strings_that_are_not_utf8_are_an_argument_error_and_the_server_goes_on(
    server: Running,
) -> None:
    failure = await failure_of(server.call_raw(b"\x0a\x02\xff\xfe"))
    assert (failure.code, failure.reason) == (INVALID, "MALFORMED_MESSAGE")
    assert "UTF-8" in failure.message
    server.engine.echo = True
    assert await server.stub.TranslateText(TranslateTextRequest(contents=["a"]))


async def test_a_message_over_the_size_limit_is_refused_with_both_sizes() -> None:
    async with running(max_message_bytes=2000) as server:
        with pytest.raises(aio.AioRpcError) as caught:
            await server.stub.TranslateText(TranslateTextRequest(contents=["x" * 3000]))
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max (3003 vs. 2000)" in (caught.value.details() or "")


async def test_a_full_queue_says_when_to_try_again_and_takes_none(server: Running) -> None:
    server.engine.room = 1
    failure = await failure_of(server.stub.TranslateText(TranslateTextRequest(contents=["a", "b"])))
    assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
    assert failure.retry_seconds == 0.25
    assert await server.health() == "SERVING"


async def test_calls_beyond_the_limit_are_refused() -> None:
    async with running(max_concurrent_requests=1) as server:
        first = server.stub.TranslateText(TranslateTextRequest(contents=["a"]))
        (text,) = await server.engine.has_texts(1)
        failure = await failure_of(server.stub.TranslateText(TranslateTextRequest(contents=["b"])))
        code = grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (failure.code, failure.reason) == (code, "TOO_MANY_CALLS")
        assert failure.retry_seconds is not None
        assert await server.health() == "SERVING"
        text.finish()
        await first


async def test_one_failed_text_takes_the_others_out_of_the_engine(server: Running) -> None:
    call = server.stub.TranslateText(TranslateTextRequest(contents=["a", "b", "c"]))
    texts = await server.engine.has_texts(3)
    texts[0].finish()
    texts[1].fail(BackendError("the graphs failed on 'b'"))
    failure = await failure_of(call)
    assert (failure.code, failure.reason) == (grpc.StatusCode.INTERNAL, "BACKEND_FAILED")
    assert texts[2].future.cancelled()


async def test_an_unexpected_exception_tells_the_client_nothing_but_its_id(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    call = server.stub.TranslateText(TranslateTextRequest(contents=["secret"]))
    (text,) = await server.engine.has_texts(1)
    text.fail(ValueError("cannot translate 'secret'"))
    failure = await failure_of(call)
    assert isinstance(failure, Failure)
    assert (failure.code, failure.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    error_id = failure.metadata["error_id"]
    assert failure.message == f"the server failed; its log says why under error id {error_id}"
    (record,) = [r for r in caplog.records if r.getMessage() == "request_failed"]
    assert vars(record)["error_id"] == error_id


async def test_cancelling_a_call_frees_its_texts(server: Running) -> None:
    call = server.stub.TranslateText(TranslateTextRequest(contents=["a", "b"]))
    await server.engine.has_texts(2)
    call.cancel()
    await server.engine.all_cancelled()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_deadline_that_passes_frees_the_texts(server: Running) -> None:
    call = server.stub.TranslateText(TranslateTextRequest(contents=["a", "b"]), timeout=0.1)
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    await server.engine.all_cancelled()


async def test_a_call_without_deadline_gets_the_servers() -> None:
    async with running(default_timeout_seconds=0.05) as server:
        call = server.stub.TranslateText(TranslateTextRequest(contents=["a"]))
        failure = await failure_of(call)
        assert failure.code == grpc.StatusCode.DEADLINE_EXCEEDED
        assert failure.reason == "DEADLINE_EXCEEDED"
        await server.engine.all_cancelled()


async def test_a_request_that_the_queue_can_never_hold_is_wrong_and_not_to_be_sent_again() -> None:
    async with running(max_queue_size=2) as server:
        failure = await failure_of(server.stub.TranslateText(asking("a", "b", "c")))
    assert (failure.code, failure.reason) == (INVALID, "TOO_MANY_CONTENTS")


async def test_the_model_is_listed_with_its_limits(server: Running) -> None:
    response = await server.stub.ListModels(ListModelsRequest())
    (model,) = response.models
    assert (model.name, model.architecture, model.provider) == ("tiny", "marian", "cpu")
    assert (list(model.source_language_codes), list(model.target_language_codes)) == (
        ["en"],
        ["de"],
    )
    assert model.limits.max_input_length == 16
    assert model.limits.max_decoding_length == 15
    assert model.limits.max_beam_size == 16
    assert model.limits.max_stream_texts == 256
