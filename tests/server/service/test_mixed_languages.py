"""Texts in several languages, each stretch translated from its own."""

import random
from collections.abc import Iterator

import grpc
import pytest

from dragoman.v1.translation_pb2 import (
    SEGMENTATION_NONE,
    SEGMENTATION_SENTENCES,
    DecodingOptions,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.errors import QueueFullError
from dragoman_server.service.stretched import LANGUAGE_NOT_TRANSLATED
from tests.bench.mixed_languages import sets
from tests.server.service.fakes import FakeEngine, FakeText
from tests.server.service.harness import Running, failure_of, read, unpacked
from tests.server.service.test_detecting import (
    ENGLISH,
    FRENCH,
    GERMAN,
    counts,
    serving,
)

ITALIAN = "Non so cosa fare oggi pomeriggio."
GERMAN_TOO = "Ich weiß nicht, was ich tun soll."
MIXED = f"\t{ENGLISH}  {GERMAN}\r\n\r\n1) {ITALIAN}\n2) {FRENCH}\n3) {GERMAN_TOO} 🙂\n"


def request(*contents: str, target: str = "it", **fields: object) -> TranslateTextRequest:
    return TranslateTextRequest(
        contents=contents,
        target_language_code=target,
        mixed_languages=True,
        **fields,  # type: ignore[arg-type]
    )


async def translated(server: Running, text: str, **fields: object) -> Translation:
    answer = await server.stub.TranslateText(request(text, **fields))  # type: ignore[arg-type]
    (translation,) = answer.translations
    return translation


def said(engine: FakeEngine) -> Iterator[int]:
    """How many words each text has that it was given."""
    return (len(text.source_ids) - 1 for text in engine.texts)


def finish_with(text: FakeText, times: int) -> None:
    """Translates a text into itself so many times over."""
    end = text.source_ids[-1]
    text.source_ids = [*text.source_ids[:-1] * times, end]
    text.finish()


async def test_each_stretch_is_translated_from_its_own_language() -> None:
    async with serving("en-it", "de-it") as (server, engines):
        translation = await translated(server, MIXED)
        assert translation.translated_text == MIXED  # by engines that say it again
        assert list(said(engines["en-it"])) == [5]
        assert sorted(said(engines["de-it"])) == [4, 7]
        assert [
            (each.detected_language_code, MIXED[each.source_begin : each.source_end])
            for each in translation.segments
        ] == [
            ("en", ENGLISH),
            ("de", GERMAN),
            ("it", ITALIAN),
            ("fr", FRENCH),
            ("de", GERMAN_TOO),
        ]
        assert translation.model == "en-it,de-it"
        assert translation.source_token_count == 6 + 5 + 8
        assert translation.target_token_count == 5 + 4 + 7
        assert translation.detected_language_code == "de"
        assert translation.detected_language_confidence > 0.9


async def test_into_several_languages_each_leaves_what_is_in_it() -> None:
    async with serving("en-it", "de-it", "en-de", "it-de") as (server, engines):
        both = request(f"{ENGLISH} {GERMAN}", target="", target_language_codes=["de", "it"])
        german, italian = (await server.stub.TranslateText(both)).translations
        assert [german.target_language_code, italian.target_language_code] == ["de", "it"]
        assert (german.model, italian.model) == ("en-de", "en-it,de-it")
        assert german.translated_text == italian.translated_text == f"{ENGLISH} {GERMAN}"
        assert [len(engine.texts) for engine in engines.values()] == [1, 1, 1, 0]


async def test_texts_of_many_languages_and_scripts_are_restored_to_the_byte() -> None:
    gaps = (
        " ",
        "  ",
        "\n",
        "\r\n\r\n",
        "\n\t- ",
        "\n3) ",
        " 🙂 ",
        "\n---\n",
        "\n> ",
        " 🙂\n\n",
    )
    rng = random.Random(3)
    sentences = sets(None)["everyday"]
    del sentences["th"]  # whose sentences have no end: spaces between two are within one
    half = sorted(sentences)[::2]
    texts = []
    for _ in range(150):
        text = rng.choice(gaps)
        for code in rng.choices(sorted(sentences), k=rng.randint(1, 5)):
            text += rng.choice(sentences[code]) + rng.choice(gaps)
        texts.append(text)
    async with serving(f"{'+'.join(half)}-it") as (server, engines):
        answer = await server.stub.TranslateText(
            request(*texts, segmentation=SEGMENTATION_SENTENCES)
        )
        left = 0
        for text, each in zip(texts, answer.translations, strict=True):
            assert each.translated_text == text
            left += bool(each.warnings)
            for segment in each.segments:
                span = text[segment.source_begin : segment.source_end]
                assert span == text[segment.target_begin : segment.target_end]
        assert 75 < left < 150
        assert sum(counts(engines)) > 100


async def test_offsets_are_of_the_whole_text_though_translations_are_longer() -> None:
    async with serving("en-it", "de-it") as (server, engines):
        for engine in engines.values():
            engine.echo = False
        call = server.stub.TranslateText(request(f"{ENGLISH} {ITALIAN}\n{GERMAN}"))
        (english,) = await engines["en-it"].has_texts(1)
        (german,) = await engines["de-it"].has_texts(1)
        finish_with(english, 2)
        german.finish()
        (translation,) = (await call).translations
        twice = f"{ENGLISH} {ENGLISH}"
        assert translation.translated_text == f"{twice} {ITALIAN}\n{GERMAN}"
        assert [
            translation.translated_text[each.target_begin : each.target_end]
            for each in translation.segments
        ] == [twice, ITALIAN, GERMAN]


async def test_what_cannot_be_translated_stays_and_is_told_of() -> None:
    async with serving("en-it") as (server, engines):
        translation = await translated(server, f"{ENGLISH}\n{FRENCH}\n{ENGLISH}\n{GERMAN}")
        assert translation.translated_text == f"{ENGLISH}\n{FRENCH}\n{ENGLISH}\n{GERMAN}"
        assert counts(engines) == [2]
        (warning,) = translation.warnings
        assert warning.reason == LANGUAGE_NOT_TRANSLATED
        assert "2 parts stay as they are" in warning.message
        assert "(fr, de)" in warning.message
        assert FRENCH not in warning.message
        left = await translated(server, f"{FRENCH}\n{ENGLISH}")
        assert "1 part stays as it is" in left.warnings[0].message
        assert not (await translated(server, f"{ITALIAN} {ENGLISH}")).warnings


async def test_what_is_not_sure_enough_stays_and_is_told_of() -> None:
    async with serving("en-it", "de-it", "fr-it") as (server, engines):
        translation = await translated(server, "Москва")
        assert translation.translated_text == "Москва"
        assert counts(engines) == [0, 0, 0]
        assert translation.detected_language_code == "und"
        assert translation.detected_language_confidence == 0
        assert translation.segments[0].detected_language_code == "und"
        assert "(und)" in translation.warnings[0].message
        assert translation.model == ""
        assert not translation.HasField("score")


@pytest.mark.parametrize("text", ["", " \n", "12:30", "🙂 1 + 1\n"])
async def test_what_has_no_letters_stays_and_nothing_is_told(text: str) -> None:
    async with serving("en-it", "de-it") as (server, engines):
        translation = await translated(server, text)
        assert translation.translated_text == text
        assert translation.detected_language_code == "und"
        assert not translation.segments
        assert not translation.warnings
        assert counts(engines) == [0, 0]


async def test_a_text_in_one_language_is_translated_as_without_it() -> None:
    text = f"- {GERMAN}\n- {GERMAN_TOO} 🙂 {GERMAN}"
    async with serving("en-it", "de-it") as (server, engines):
        plain = await server.stub.TranslateText(
            TranslateTextRequest(contents=[text], target_language_code="it")
        )
        before = [each.source_ids for each in engines["de-it"].texts]
        translation = await translated(server, text)
        assert [each.source_ids for each in engines["de-it"].texts] == before * 2
        for segment in translation.segments:
            assert segment.detected_language_code == "de"
            segment.ClearField("detected_language_code")
        assert translation == plain.translations[0]


async def test_a_text_that_is_translated_whole_is_one_segment() -> None:
    async with serving("en-it", "de-it") as (server, _):
        translation = await translated(server, f" - {GERMAN}\t🙂\n")
        assert translation.translated_text == f" - {GERMAN}\t🙂\n"
        (segment,) = translation.segments
        assert (segment.source_begin, segment.source_end) == (3, 3 + len(GERMAN))
        assert (segment.target_begin, segment.target_end) == (3, 3 + len(GERMAN))
        assert segment.score == translation.score == -0.5
        assert segment.source_token_count == 5


async def test_one_model_alone_is_enough_and_its_only_target_need_not_be_said() -> None:
    async with serving("en-de") as (server, engines):
        translation = await translated(server, f"{ENGLISH} {GERMAN}", target="")
        assert translation.translated_text == f"{ENGLISH} {GERMAN}"
        assert counts(engines) == [1]
        assert not translation.warnings


@pytest.mark.parametrize("target", ["de", "DE-at", "deu"])
async def test_a_target_of_any_name_is_known_in_the_text(target: str) -> None:
    async with serving("en+de+fr-de") as (server, engines):
        await translated(server, f"{ENGLISH} {GERMAN}", target=target)
        assert list(said(engines["en+de+fr-de"])) == [5]


async def test_where_there_are_several_targets_one_must_be_said() -> None:
    async with serving("en-it+es") as (server, _):
        failure = await failure_of(server.stub.TranslateText(request(ENGLISH, target="")))
        assert failure.reason == "LANGUAGE_REQUIRED"
        assert list(failure.fields) == ["target_language_code"]
        assert failure.metadata["allowed"] == "it, es"
        failure = await failure_of(server.stub.TranslateText(request(ENGLISH, target="pl")))
        assert failure.reason == "LANGUAGE_PAIR_NOT_FOUND"


async def test_a_third_language_may_be_between() -> None:
    async with serving("en-it", "de-en") as (server, engines):
        translation = await translated(server, f"{ENGLISH} {GERMAN_TOO}", pivot_language_code="en")
        assert translation.translated_text == f"{ENGLISH} {GERMAN_TOO}"
        assert counts(engines) == [2, 1]
        assert translation.model == "en-it,de-en,en-it"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"source_language_code": "en"}, "source_language_code"),
        ({"mime_type": "text/html"}, "mime_type"),
        ({"return_attention": True}, "return_attention"),
        (
            {"options": DecodingOptions(beam_size=4, num_hypotheses=2)},
            "options.num_hypotheses",
        ),
        ({"options": DecodingOptions(target_prefix="Ciao")}, "options.target_prefix"),
    ],
)
async def test_what_does_not_go_with_it_is_refused(fields: dict[str, object], field: str) -> None:
    async with serving("en-it", "de-it") as (server, engines):
        failure = await failure_of(server.stub.TranslateText(request(ENGLISH, **fields)))  # type: ignore[arg-type]
        assert failure.code == grpc.StatusCode.INVALID_ARGUMENT
        assert failure.reason == "OPTIONS_CONFLICT"
        assert list(failure.fields) == [field]
        assert "mixed_languages" in failure.metadata["allowed"]
        assert counts(engines) == [0, 0]


async def test_it_needs_a_server_that_detects_languages() -> None:
    async with serving("en-it", "de-it", detect_languages=False) as (server, _):
        failure = await failure_of(server.stub.TranslateText(request(ENGLISH)))
        assert failure.code == grpc.StatusCode.FAILED_PRECONDITION
        assert failure.reason == "DETECTION_OFF"
        assert "detect_languages" in failure.message


async def test_stretches_are_bounded_as_texts_are() -> None:
    texts = [f"{ENGLISH} {GERMAN}\n" * 2, f"{ITALIAN}\n{GERMAN} {ITALIAN}"]
    async with serving("en-it", "de-it", max_contents=5) as (server, _):
        answer = await server.stub.TranslateText(request(*texts))
        assert [each.translated_text for each in answer.translations] == texts
    async with serving("en-it", "de-it", max_contents=4) as (server, engines):
        failure = await failure_of(server.stub.TranslateText(request(*texts)))
        assert failure.reason == "TOO_MANY_CONTENTS"
        assert "5 parts" in failure.message
        assert failure.metadata["allowed"] == "at most 4"
        assert counts(engines) == [0, 0]
        too_many = await failure_of(server.stub.TranslateText(request(*"abcde")))
        assert "5 texts" in too_many.message


async def test_an_error_names_the_text_that_the_stretch_is_of() -> None:
    long = "Ich weiß nicht, was ich heute noch alles tun soll, aber ich glaube, es ist viel."
    async with serving("en-it", "de-it") as (server, _):
        asked = request(GERMAN, ENGLISH, f"{ENGLISH} {long}", segmentation=SEGMENTATION_NONE)
        failure = await failure_of(server.stub.TranslateText(asked))
        assert failure.reason == "TEXT_TOO_LONG"
        assert list(failure.fields) == ["contents[2]"]


async def test_if_one_stretch_finds_no_room_none_is_translated() -> None:
    async with serving("en-it", "de-it") as (server, engines):
        engines["en-it"].echo = False
        engines["de-it"].room = 0
        failure = await failure_of(server.stub.TranslateText(request(f"{ENGLISH} {GERMAN}")))
        assert failure.code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert all(text.future.cancelled() for text in engines["en-it"].texts)


async def test_it_is_refused_unread_only_where_no_model_in_question_has_room() -> None:
    async with serving("en-it", "de-it") as (server, engines):
        engines["en-it"].refusal = QueueFullError("full", retry_after_seconds=1.0)
        await translated(server, GERMAN)
        engines["de-it"].refusal = QueueFullError("full too", retry_after_seconds=1.0)
        failure = await failure_of(server.stub.TranslateText(request(GERMAN)))
        assert failure.code == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_the_same_seed_draws_the_same_and_no_two_stretches_draw_alike() -> None:
    async with serving("en-it", "de-it") as (server, engines):
        options = DecodingOptions(sampling_topk=4, seed=7)
        texts = [f"{GERMAN} {ENGLISH} {GERMAN_TOO}", GERMAN]
        for _ in range(2):
            await server.stub.TranslateText(request(*texts, options=options))
        seeds = [text.options.seed for name in ("en-it", "de-it") for text in engines[name].texts]
        assert len(set(seeds)) == 4
        once = [engines["de-it"].texts[i].options.seed for i in range(3)]
        again = [engines["de-it"].texts[i].options.seed for i in range(3, 6)]
        assert sorted(map(str, once)) == sorted(map(str, again))
        alone = TranslateTextRequest(
            contents=[GERMAN], source_language_code="de", target_language_code="it", options=options
        )
        await server.stub.TranslateText(alone)
        assert engines["de-it"].texts[-1].options.seed == 7
        assert 7 in once


async def test_what_a_request_says_of_its_words_holds_for_each_stretch() -> None:
    async with serving("en-it", "de-it") as (server, engines):
        translation = await translated(
            server,
            f"Where is the {{place}} of the conference? {GERMAN_TOO[:-1]} %s.",
            protect_placeholders=True,
        )
        assert "{place}" in translation.translated_text
        assert "%s" in translation.translated_text
        assert counts(engines) == [1, 1]


async def test_a_text_of_a_stream_has_one_answer_and_no_partial_ones() -> None:
    async with serving("en-it", "de-it") as (server, _):
        call = server.stub.StreamTranslateText()
        asked = StreamTranslateTextRequest(
            id="1",
            content=MIXED,
            target_language_code="it",
            mixed_languages=True,
            partial_results=True,
        )
        await call.write(asked)
        answer = await read(call)
        assert answer.translation.translated_text == MIXED
        assert [each.detected_language_code for each in answer.translation.segments] == [
            *("en", "de", "it"),
            *("fr", "de"),
        ]
        asked.id, asked.content = "2", "a\0"
        await call.write(asked)
        failure = unpacked((await read(call)).error)
        assert failure.reason == "NUL_CHARACTER"
        assert list(failure.fields) == ["content"]
        asked.id, asked.content, asked.options.beam_size = "3", ENGLISH, 1000
        await call.write(asked)
        failure = unpacked((await read(call)).error)
        assert failure.reason == "OPTION_OUT_OF_RANGE"
        assert list(failure.fields) == ["options.beam_size"]
        asked.id, asked.source_language_code = "4", "en"
        await call.write(asked)
        assert unpacked((await read(call)).error).reason == "OPTIONS_CONFLICT"


async def test_kept_translations_are_those_of_stretches() -> None:
    async with serving("en-it", "de-it", cache_bytes="1MiB") as (server, engines):
        plain = TranslateTextRequest(
            contents=[ENGLISH], source_language_code="en", target_language_code="it"
        )
        await server.stub.TranslateText(plain)
        translation = await translated(server, f"{ENGLISH} {GERMAN}")
        assert translation.segments[0].detected_language_code == "en"
        assert counts(engines) == [1, 1]
        again = await server.stub.TranslateText(plain)
        assert again.translations[0].detected_language_code == ""
