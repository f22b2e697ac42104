"""Texts that are HTML: what of them is translated, what is refused."""

import asyncio
import threading
from typing import Any

import grpc
import numpy as np
import pytest

from dragoman.v1.translation_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    SEGMENTATION_NONE,
    SEGMENTATION_SENTENCES,
    DecodingOptions,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
    Warning,  # noqa: A004  the wire's word
)
from dragoman_server.sequence import Attention, FinishReason
from dragoman_server.service import marking_up
from dragoman_server.service.markup import MarkedUp
from tests.server.service.fakes import FakeEngine
from tests.server.service.harness import Running, failure_of, found, read, running
from tests.server.service.test_alignment import finish, with_graph
from tests.server.service.test_detecting import FRENCH, GERMAN, counts, model, serving

BY_PROPORTION = (
    "inline elements are placed in proportion to where they were: there is no alignment of words"
)

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
        warnings=[Warning(reason="TAGS_BY_PROPORTION", message=BY_PROPORTION)],
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


async def test_elements_go_with_the_words_that_theirs_are_aligned_to() -> None:
    async with running(with_graph()) as server:
        call = server.stub.TranslateText(html('<p>one <a href="x">two</a>', "<i>a</i>"))
        text, other = await server.engine.has_texts(2)
        assert text.options.return_alignment
        finish(text, Attention(alignment=np.array([[0, 1, 0], [1, 0, 0]], np.float32)))
        other.finish()
        first, second = (await call).translations
        assert first.translated_text == '<p><a href="x">two</a> one'
        assert second.translated_text == "<i>a</i>"
        assert not first.warnings
        assert not first.alignment
        assert not first.segments


async def test_blocks_that_need_no_alignment_go_without_unless_seeds_count_them() -> None:
    async with running(with_graph()) as server:
        server.engine.echo = True
        page = "<p>a<p>b <i>c</i><p>d"
        for options in ({}, {"seed": 7, "sampling_topk": 5}):
            response = await server.stub.TranslateText(html(page, **options))
            assert response.translations[0].translated_text == page
        unseeded, seeded = server.engine.texts[:3], server.engine.texts[3:]
        wanted = {len(text.source_ids): text.options.return_alignment for text in unseeded}
        assert wanted == {2: False, 3: True}
        assert all(text.options.return_alignment for text in seeded)
        assert len({text.options.seed for text in seeded}) == 3


async def test_nothing_is_aligned_where_elements_are_at_ends_of_texts_alone() -> None:
    async with running(with_graph()) as server:
        server.engine.echo = True
        page = "<p><b>a <!-- not here --></b><p><img>a b<br><i><u>c</u></i>"
        response = await server.stub.TranslateText(html(page))
        assert not any(text.options.wants_weights for text in server.engine.texts)
        assert not response.translations[0].warnings


async def test_a_long_block_is_split_as_texts_are_and_what_is_said_of_it_is_told() -> None:
    async with running(with_graph()) as server:
        call = server.stub.TranslateText(
            TranslateTextRequest(
                contents=[f"<p>One is <b>two</b>. <i>Four</i> is four.<p>{'d ' * 20}"],
                mime_type="text/html",
                segmentation=SEGMENTATION_SENTENCES,
            )
        )
        texts = await server.engine.has_texts(4)
        assert [len(text.source_ids) for text in texts[:2]] == [4, 4]
        for text in texts:
            own = len(text.source_ids) - 1
            finish(text, Attention(alignment=np.eye(own + 1, dtype=np.float32)[own - 1 :: -1]))
        (translation,) = (await call).translations
        assert translation.translated_text.startswith("<p><b>two</b>. is One four. is <i>Four</i>")
        assert [warning.reason for warning in translation.warnings] == ["SENTENCE_SPLIT"]
        assert not translation.segments


async def test_a_block_too_long_to_be_aligned_is_translated_all_the_same() -> None:
    contents = with_graph()
    contents.architecture.max_positions = 2000
    async with running(contents) as server:
        server.engine.echo = True
        page = f"<b>a</b> {'b ' * 1100}"
        request = html(page)
        request.segmentation = SEGMENTATION_NONE
        (translation,) = (await server.stub.TranslateText(request)).translations
        assert translation.translated_text == page
        assert [warning.reason for warning in translation.warnings] == ["TAGS_BY_PROPORTION"]
        assert len(server.engine.texts) == 1


async def test_a_long_page_is_translated_by_what_is_served_once_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving("en-de") as (server, engines):
        reading, read_on = asyncio.Event(), threading.Event()
        loop, read_page = asyncio.get_running_loop(), MarkedUp

        def slowly(*arguments: Any) -> MarkedUp:
            loop.call_soon_threadsafe(reading.set)
            assert read_on.wait(60)
            return read_page(*arguments)

        monkeypatch.setattr(marking_up, "MarkedUp", slowly)
        call = server.stub.TranslateText(html(f"<p>a<p hidden='{'x' * 2000}'>b"))
        await reading.wait()
        replacing = FakeEngine()
        replacing.echo = True
        server.loader.models["bundle"] = model("en-de"), replacing
        await server.pool.put(found("bundle", stamp=2))
        read_on.set()
        (translation,) = (await call).translations
        assert translation.translated_text.endswith(">b")
        assert translation.model_version == "2"
        assert counts(engines) == [0]


async def test_two_models_align_nothing_and_that_is_said() -> None:
    async with serving("de-en", "en-fr") as (server, engines):
        request = html("a <b>b</b> c", "<p>d<p>e")
        request.source_language_code, request.target_language_code = "de", "fr"
        request.pivot_language_code = "en"
        first, second = (await server.stub.TranslateText(request)).translations
        assert (first.translated_text, second.translated_text) == ("a <b>b</b> c", "<p>d<p>e")
        assert first.model == second.model == "de-en,en-fr"
        assert [warning.reason for warning in first.warnings] == ["TAGS_BY_PROPORTION"]
        assert not second.warnings
        assert counts(engines) == [3, 3]


async def test_blocks_that_come_again_are_not_translated_again() -> None:
    async with running(cache_bytes=10_000) as server:
        server.engine.echo = True
        answers = [
            await server.stub.TranslateText(html(page))
            for page in ("<p>a <b>b</b><p>c", "<h1>a <i>b</i></h1>")
        ]
        assert answers[1].translations[0].translated_text == "<h1>a <i>b</i></h1>"
        assert len(server.engine.texts) == 2


async def test_the_language_of_a_page_is_that_of_its_words() -> None:
    async with serving("de-it", "fr-it") as (server, engines):
        pages = [
            f'<p title="{FRENCH} {FRENCH}">Wo <b>ist</b><p>der Bahnhof?<!-- {FRENCH} -->',
            f"<!-- {GERMAN} --><p>{FRENCH}",
            "<img>",
        ]
        request = html(*pages)
        request.target_language_code = "it"
        answer = await server.stub.TranslateText(request)
        assert [each.translated_text for each in answer.translations] == pages
        codes = [each.detected_language_code for each in answer.translations]
        assert codes == ["de", "fr", "und"]
        assert counts(engines) == [2, 1]
        call = server.stub.StreamTranslateText()
        await call.write(
            StreamTranslateTextRequest(
                id="1", content=pages[1], target_language_code="it", mime_type="text/html"
            )
        )
        translation = (await read(call)).translation
        assert translation.translated_text == pages[1]
        assert translation.detected_language_code == "fr"
        await call.done_writing()


async def test_a_text_of_a_stream_comes_whole_and_its_errors_name_its_field() -> None:
    async with running(with_graph()) as server:
        call = server.stub.StreamTranslateText()
        request = StreamTranslateTextRequest(
            id="1", content="one <b>two</b>", mime_type="text/html", partial_results=True
        )
        await call.write(request)
        (text,) = await server.engine.has_texts(1)
        assert text.on_partial is None
        finish(text, Attention(alignment=np.array([[0, 1, 0], [1, 0, 0]], np.float32)))
        assert (await read(call)).translation.translated_text == "<b>two</b> one"
        request.content, request.segmentation = f"a<p>{'b ' * 20}", SEGMENTATION_NONE
        await call.write(request)
        error = (await read(call)).error
        assert error.message == "content has 21 source tokens; allowed: at most 16"
        await call.done_writing()


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
            TranslateTextRequest(contents=["a"], mime_type="text/html", return_alignment=True),
            "return_alignment",
            "OPTIONS_CONFLICT",
            "return_alignment is true; allowed: false with the mime_type text/html",
        ),
        (
            TranslateTextRequest(contents=["a"], mime_type="text/html", return_attention=True),
            "return_attention",
            "OPTIONS_CONFLICT",
            "return_attention is true; allowed: false with the mime_type text/html",
        ),
        (
            TranslateTextRequest(
                contents=["a", "<br>", f"b<p>c<p>{'d ' * 20}"],
                mime_type="text/html",
                segmentation=SEGMENTATION_NONE,
            ),
            "contents[2]",
            "TEXT_TOO_LONG",
            "contents[2] has 21 source tokens; allowed: at most 16",
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
