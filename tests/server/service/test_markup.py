"""Texts that are HTML: what of them is translated, what is refused."""

import grpc
import pytest

from dragoman.v1.translation_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    DecodingOptions,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.sequence import FinishReason
from tests.server.service.harness import Running, failure_of

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def html(*contents: str, **options: object) -> TranslateTextRequest:
    request = TranslateTextRequest(contents=contents, mime_type="text/html")
    request.options.CopyFrom(DecodingOptions(**options))  # type: ignore[arg-type]
    return request


async def test_the_text_of_each_block_is_translated_and_all_else_kept(server: Running) -> None:
    server.engine.echo = True
    page = "<h1  id=x>a &amp; b</h1>\n<p>c <b>d</b> e<script>x</script><p> 1 </p><!-- f -->"
    response = await server.stub.TranslateText(html(page, "<br/>", "g"))
    assert [each.translated_text for each in response.translations] == [page, "<br/>", "g"]
    assert len(server.engine.texts) == 4
    first, second, _ = response.translations
    assert first == Translation(
        translated_text=page,
        finish_reason=FINISH_REASON_STOP,
        score=-0.5,
        source_token_count=4 + 4 + 2,
        target_token_count=3 + 3 + 1,
        model="tiny",
        model_version="1",
    )
    assert second == Translation(
        translated_text="<br/>", finish_reason=FINISH_REASON_STOP, model="tiny", model_version="1"
    )


async def test_plain_text_is_plain_also_where_it_is_said(server: Running) -> None:
    server.engine.echo = True
    request = TranslateTextRequest(contents=["<b>a</b>"], mime_type="text/plain")
    response = await server.stub.TranslateText(request)
    assert response.translations[0].translated_text == "<b>a</b>"
    assert len(server.engine.texts) == 1


async def test_a_block_that_is_cut_is_told_of_the_whole(server: Running) -> None:
    call = server.stub.TranslateText(html("<p>a<p>b"))
    one, other = await server.engine.has_texts(2)
    one.finish()
    other.finish(FinishReason.LENGTH)
    assert (await call).translations[0].finish_reason == FINISH_REASON_LENGTH


async def test_texts_of_a_stream_may_be_marked_up_each_by_itself(server: Running) -> None:
    server.engine.echo = True
    requests = [
        StreamTranslateTextRequest(id="1", content="<p>a <i>b</i>", mime_type="text/html"),
        StreamTranslateTextRequest(id="2", content="<p>c"),
        StreamTranslateTextRequest(id="3", content="d", mime_type="text/x"),
    ]
    call = server.stub.StreamTranslateText(iter(requests))
    answers = {answer.id: answer async for answer in call}
    assert answers["1"].translation.translated_text == "<p>a <i>b</i>"
    assert answers["2"].translation.translated_text == "<p>c"
    assert (
        "mime_type is 'text/x'; allowed: 'text/plain' or 'text/html'" in answers["3"].error.message
    )


@pytest.mark.parametrize(
    ("request_", "field", "reason", "problem"),
    [
        (
            TranslateTextRequest(contents=["a"], mime_type="application/pdf"),
            "mime_type",
            "OPTION_OUT_OF_RANGE",
            "mime_type is 'application/pdf'; allowed: 'text/plain' or 'text/html'",
        ),
        (
            html("a", num_hypotheses=2, beam_size=2),
            "options.num_hypotheses",
            "OPTION_OUT_OF_RANGE",
            "options.num_hypotheses is 2; allowed: 1 with the mime_type text/html",
        ),
        (
            html("a", target_prefix="b"),
            "options.target_prefix",
            "OPTION_OUT_OF_RANGE",
            "options.target_prefix is not empty; allowed: nothing with the mime_type text/html",
        ),
        (
            html("a", "<b>" * 65),
            "contents[1]",
            "TOO_MUCH_MARKUP",
            "contents[1] has more elements in each other; allowed: at most 64",
        ),
        (
            html("<p>a" * 1025),
            "contents",
            "TOO_MANY_CONTENTS",
            "contents has 1025 blocks of text; allowed: at most 1024",
        ),
    ],
)
async def test_what_cannot_be_is_refused(
    server: Running, request_: TranslateTextRequest, field: str, reason: str, problem: str
) -> None:
    failure = await failure_of(server.stub.TranslateText(request_))
    assert failure.code is INVALID
    assert failure.message == problem
    assert failure.reason == reason
    assert list(failure.fields) == [field]
    assert not server.engine.texts
