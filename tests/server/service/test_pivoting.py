"""Translating through a third language where no model translates directly."""

import asyncio

import grpc
import pytest
from grpc import aio

from dragoman.v1.translation_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    GUARD_WARN,
    SEGMENTATION_NONE,
    DecodingOptions,
    GlossaryConfig,
    GlossaryEntry,
    Hypothesis,
    Segment,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
    Warning,  # noqa: A004  the wire's word
)
from dragoman_server.sequence import FinishReason
from dragoman_server.service.pivoting import _joined
from tests.server.service.harness import failure_of, found, overdue, read
from tests.server.service.test_detecting import GERMAN, counts, model, serving


def request(*contents: str, pivot: str = "en", **fields: object) -> TranslateTextRequest:
    asked = TranslateTextRequest(
        contents=contents,
        source_language_code="de",
        target_language_code="fr",
        pivot_language_code=pivot,
    )
    asked.MergeFrom(TranslateTextRequest(**fields))  # type: ignore[arg-type]
    return asked


async def test_texts_go_through_both_models_and_the_answer_names_both() -> None:
    async with serving("de-en", "en-fr") as (server, engines):
        answer = await server.stub.TranslateText(request("a b", "", "c"))
        assert [each.translated_text for each in answer.translations] == ["a b", "", "c"]
        first = answer.translations[0]
        assert (first.model, first.model_version) == ("de-en,en-fr", "1,2")
        assert first.score == -1  # half from each
        assert (first.source_token_count, first.target_token_count) == (3, 2)
        assert not answer.translations[1].HasField("score")
        assert counts(engines) == [2, 2]
        assert server.sample("dragoman_requests_total", code="OK", model="en-fr") == 1


async def test_it_is_never_silent_or_unasked() -> None:
    async with serving("de-en", "en-fr") as (server, engines):
        failure = await failure_of(server.stub.TranslateText(request("a", pivot="")))
        assert failure.code == grpc.StatusCode.NOT_FOUND
        assert failure.reason == "LANGUAGE_PAIR_NOT_FOUND"
        assert counts(engines) == [0, 0]


async def test_a_server_may_have_languages_to_go_through_in_order() -> None:
    async with serving("de-en", "en-fr", "de-es", "es-fr", pivot_languages="it,es,en") as (
        server,
        _,
    ):
        answer = await server.stub.TranslateText(request("a", pivot=""))
        assert answer.translations[0].model == "de-es,es-fr"
        answer = await server.stub.TranslateText(request("a", pivot="en"))
        assert answer.translations[0].model == "de-en,en-fr"


async def test_a_model_that_translates_directly_is_preferred() -> None:
    async with serving("de-en", "en-fr", "de-fr", pivot_languages="en") as (server, engines):
        for pivot in ("en", ""):
            answer = await server.stub.TranslateText(request("a", pivot=pivot))
            assert answer.translations[0].model == "de-fr"
        assert counts(engines) == [0, 0, 2]


async def test_where_several_models_fit_a_step_the_first_by_name_makes_it() -> None:
    async with serving("z+de-en", "de-en", "en-fr") as (server, _):
        answer = await server.stub.TranslateText(request("a"))
        assert answer.translations[0].model == "de-en,en-fr"


@pytest.mark.parametrize("pivot", ["it", "de", "fr"])
async def test_a_language_that_leads_nowhere_is_told(pivot: str) -> None:
    async with serving("de-en", "en-fr") as (server, _):
        failure = await failure_of(server.stub.TranslateText(request("a", pivot=pivot)))
        assert failure.reason == "LANGUAGE_PAIR_NOT_FOUND"
        assert f"nor do two through {pivot!r}" in failure.message


async def test_a_named_model_translates_itself() -> None:
    async with serving("de-en", "en-fr") as (server, _):
        failure = await failure_of(server.stub.TranslateText(request("a", model="de-en")))
        assert failure.code == grpc.StatusCode.INVALID_ARGUMENT
        assert list(failure.fields) == ["pivot_language_code"]


async def test_a_code_that_is_too_long_is_told() -> None:
    async with serving("de-en", "en-fr") as (server, _):
        failure = await failure_of(server.stub.TranslateText(request("a", pivot="x" * 36)))
        assert failure.reason == "LANGUAGE_CODE_TOO_LONG"


async def test_the_first_search_has_the_options_of_searching_alone() -> None:
    async with serving("de-en", "en-fr") as (server, engines):
        options = DecodingOptions(
            beam_size=3, num_hypotheses=2, target_prefix="x", max_decoding_length=9
        )
        await server.stub.TranslateText(request("a", options=options))
        (first,), (second,) = (engine.texts for engine in engines.values())
        assert (first.options.beam_size, second.options.beam_size) == (3, 3)
        assert (first.options.num_hypotheses, second.options.num_hypotheses) == (1, 2)
        assert len(first.options.target_prefix) == 0
        assert len(second.options.target_prefix) == 1
        assert (first.options.max_decoding_length, second.options.max_decoding_length) == (12, 9)


async def test_a_first_translation_that_was_cut_makes_the_whole_one_cut() -> None:
    async with serving("de-en", "en-fr") as (server, engines):
        engines["de-en"].echo = False
        call = server.stub.TranslateText(request("a"))
        (text,) = await engines["de-en"].has_texts(1)
        text.finish(FinishReason.LENGTH)
        assert (await call).translations[0].finish_reason == FINISH_REASON_LENGTH


async def test_the_deadline_is_that_of_both() -> None:
    async with serving("de-en", "en-fr") as (server, engines):
        engines["en-fr"].echo = False
        error = await overdue(
            engines["en-fr"],
            lambda seconds: server.stub.TranslateText(request("a"), timeout=seconds),
        )
        assert isinstance(error, aio.AioRpcError)
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        first, second = (engine.texts[-1] for engine in engines.values())
        assert first.limit == second.limit
        await engines["en-fr"].all_cancelled()


async def test_a_text_that_is_too_long_between_is_named_so() -> None:
    async with serving("de-en", "en-fr") as (server, engines):
        engines["de-en"].echo = False
        asked = request("a", "b", segmentation=SEGMENTATION_NONE)
        call = server.stub.TranslateText(asked)
        first, second = await engines["de-en"].has_texts(2)
        first.finish()
        second.source_ids *= 20
        second.finish()
        failure = await failure_of(call)
        assert failure.reason == "TEXT_TOO_LONG"
        assert list(failure.fields) == ["contents[1]"]
        assert "a translation into 'en'" in failure.message


async def test_a_stream_sends_partial_texts_in_the_target_language() -> None:
    async with serving("de-en", "en-fr") as (server, engines):
        engines["en-fr"].echo = False
        call = server.stub.StreamTranslateText()
        asked = StreamTranslateTextRequest(
            id="1",
            content="a b",
            source_language_code="de",
            target_language_code="fr",
            pivot_language_code="en",
            partial_results=True,
        )
        await call.write(asked)
        (text,) = await engines["en-fr"].has_texts(1)
        assert engines["de-en"].texts[0].on_partial is None
        text.partial(1)
        assert (await read(call)).partial_text == "a"
        text.finish()
        assert (await read(call)).translation.model == "de-en,en-fr"


async def test_languages_that_are_found_out_may_need_it_too() -> None:
    async with serving("de-en", "en-fr", pivot_languages="en") as (server, engines):
        asked = TranslateTextRequest(
            contents=[GERMAN, "I don't know what to do."], target_language_code="fr"
        )
        german, english = (await server.stub.TranslateText(asked)).translations
        assert (german.detected_language_code, german.model) == ("de", "de-en,en-fr")
        assert (english.detected_language_code, english.model) == ("en", "en-fr")
        assert counts(engines) == [1, 2]


async def test_a_second_model_that_is_replaced_meanwhile_is_the_new_one() -> None:
    async with serving("de-en", "en-fr") as (server, engines):
        engines["de-en"].echo = False
        call = server.stub.TranslateText(request("a"))
        (text,) = await engines["de-en"].has_texts(1)
        await server.pool.drop("en-fr")
        server.loader.models["en-fr@9"] = model("en-fr"), engines["en-fr"]
        await server.pool.put(found("en-fr@9"))
        text.finish()
        assert (await call).translations[0].model_version == "1,9"


async def test_a_second_model_that_is_gone_meanwhile_is_told() -> None:
    async with serving("de-en", "en-fr") as (server, engines):
        engines["de-en"].echo = False
        call = asyncio.ensure_future(failure_of(server.stub.TranslateText(request("a"))))
        (text,) = await engines["de-en"].has_texts(1)
        await server.pool.drop("en-fr")
        text.finish()
        assert (await call).reason == "LANGUAGE_PAIR_NOT_FOUND"


def test_scores_of_hypotheses_are_of_both_too() -> None:
    first = Translation(score=-0.25, finish_reason=FINISH_REASON_STOP, model="a")
    second = Translation(
        score=-0.5,
        hypotheses=[Hypothesis(score=-0.5), Hypothesis(score=-1)],
        finish_reason=FINISH_REASON_STOP,
        model="b",
    )
    joined = _joined(1, first, second)
    assert joined.score == -0.75
    assert [each.score for each in joined.hypotheses] == [-0.75, -1.25]
    assert joined.finish_reason == FINISH_REASON_STOP


async def test_sentences_are_split_for_both_and_spans_are_of_the_text() -> None:
    text = "A b c.\n\n  D e."
    async with serving("de-en", "en-fr") as (server, _):
        answer = await server.stub.TranslateText(request(text))
        (translation,) = answer.translations
        assert translation.translated_text == text
        spans = [(each.source_begin, each.source_end) for each in translation.segments]
        assert [text[begin:end] for begin, end in spans] == ["A b c.", "D e."]


def test_where_the_first_model_had_the_text_whole_a_sentence_is_of_all_of_it() -> None:
    first = Translation(translated_text="A. B.")
    second = Translation(segments=[Segment(source_begin=3, source_end=5)])
    (segment,) = _joined(7, first, second).segments
    assert (segment.source_begin, segment.source_end) == (0, 7)


def test_warnings_of_both_are_told() -> None:
    first, second = (Translation(warnings=[Warning(reason=each)]) for each in "AB")
    assert {each.reason for each in _joined(1, first, second).warnings} == {"A", "B"}


@pytest.mark.parametrize("field", ["return_alignment", "return_attention", "return_confidence"])
async def test_neither_model_knows_what_is_told_of_both_ends(field: str) -> None:
    async with serving("de-en", "en-fr") as (server, engines):
        asked = request("a")
        setattr(asked, field, True)
        failure = await failure_of(server.stub.TranslateText(asked))
        assert failure.reason == "OPTIONS_CONFLICT"
        assert list(failure.fields) == [field]
        assert counts(engines) == [0, 0]


async def test_phrases_and_placeholders_are_kept_by_both_models() -> None:
    async with serving("de-en", "en-fr") as (server, engines):
        asked = request(
            "Wo ist {x} in New York", protect_placeholders=True, dnt_phrases=["New York"]
        )
        answer = await server.stub.TranslateText(asked)
        assert answer.translations[0].translated_text == asked.contents[0]
        assert counts(engines) == [1, 1]
        call = server.stub.StreamTranslateText()
        await call.write(
            StreamTranslateTextRequest(
                id="1",
                content="offen {x}",
                source_language_code="de",
                target_language_code="fr",
                pivot_language_code="en",
                protect_placeholders=True,
            )
        )
        assert (await read(call)).translation.translated_text == "offen {x}"
        call.cancel()
        for engine in engines.values():
            given = [len(text.source_ids) for text in engine.texts]
            assert given == [7, 3], "a word stands for {x}"


async def test_both_models_have_a_guard() -> None:
    async with serving("de-en", "en-fr") as (server, _):
        asked = request("das ist ein ganzer Satz ohne Namen", guard=GUARD_WARN)
        (translation,) = (await server.stub.TranslateText(asked)).translations
        assert [each.reason for each in translation.warnings] == ["SOURCE_ECHOED"] * 2


async def test_a_glossary_goes_through_no_third_language() -> None:
    config = GlossaryConfig(entries=[GlossaryEntry(source_term="Haus", target_term="maison")])
    async with serving("de-en", "en-fr") as (server, engines):
        failure = await failure_of(
            server.stub.TranslateText(request("Haus", glossary_config=config))
        )
        assert failure.reason == "OPTIONS_CONFLICT"
        assert list(failure.fields) == ["glossary_config"]
        call = server.stub.StreamTranslateText()
        await call.write(
            StreamTranslateTextRequest(
                id="1",
                content="Haus",
                source_language_code="de",
                target_language_code="fr",
                pivot_language_code="en",
                glossary_config=config,
            )
        )
        assert "third language" in (await read(call)).error.message
        call.cancel()
        assert counts(engines) == [0, 0]
