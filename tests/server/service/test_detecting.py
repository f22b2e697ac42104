"""Texts that come without their language, where several models or languages would do."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc
import pytest

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import (
    SEGMENTATION_NONE,
    DecodingOptions,
    StreamTranslateTextRequest,
    TranslateTextRequest,
)
from dragoman_server.errors import QueueFullError
from tests.server.service.fakes import FakeEngine
from tests.server.service.harness import (
    Running,
    failure_of,
    found,
    manifest,
    read,
    running,
    unpacked,
)

ENGLISH = "Where is the railway station?"
GERMAN = "Wo ist der Bahnhof?"
FRENCH = "Je ne sais pas quoi faire."

Engines = dict[str, FakeEngine]


def model(name: str) -> Manifest:
    """A model of a name such as `en+de-fr`."""
    sources, _, targets = name.partition("-")
    sides = (side.replace("+", " ").replace("_", "-") for side in (sources, targets))
    contents = manifest(*sides)
    contents.name = name
    return contents


@asynccontextmanager
async def serving(
    *names: str, detect_languages: bool = True, **settings: object
) -> AsyncIterator[tuple[Running, Engines]]:
    """A server of models with these names, and their engines, which translate into the same."""
    first, *others = names
    settings["detect_languages"] = detect_languages
    async with running(model(first), **settings) as server:
        engines = {first: server.engine} | {name: FakeEngine() for name in others}
        for name in others:
            server.loader.models[name] = model(name), engines[name]
            await server.pool.put(found(name))
        for engine in engines.values():
            engine.echo = True
        yield server, engines


def request(*contents: str, target: str = "it", **fields: object) -> TranslateTextRequest:
    return TranslateTextRequest(contents=contents, target_language_code=target, **fields)  # type: ignore[arg-type]


def counts(engines: Engines) -> Sequence[int]:
    return [len(engine.texts) for engine in engines.values()]


async def test_each_text_of_a_request_goes_to_the_model_of_its_language() -> None:
    async with serving("en-it", "de-it", "fr-it") as (server, engines):
        texts = [GERMAN, ENGLISH, FRENCH, "Ich weiß nicht, was ich tun soll."]
        answer = await server.stub.TranslateText(request(*texts))
        assert [each.translated_text for each in answer.translations] == texts
        assert [each.model for each in answer.translations] == [
            *("de-it", "en-it"),
            *("fr-it", "de-it"),
        ]
        codes = [each.detected_language_code for each in answer.translations]
        assert codes == ["de", "en", "fr", "de"]
        assert all(0.5 < each.detected_language_confidence <= 1 for each in answer.translations)
        assert counts(engines) == [1, 2, 1]


async def test_one_model_of_many_languages_is_told_the_one_that_it_is() -> None:
    async with serving("en+de+fr-it") as (server, _):
        answer = await server.stub.TranslateText(request(GERMAN))
        assert answer.translations[0].detected_language_code == "de"
        assert server.sample("dragoman_requests_total", code="OK", model="en+de+fr-it") == 1


async def test_a_language_that_is_said_or_the_only_one_is_not_looked_for() -> None:
    async with serving("en-it", "de-it", "fr-es") as (server, engines):
        said = await server.stub.TranslateText(request(GERMAN, source_language_code="en"))
        only = await server.stub.TranslateText(request(GERMAN, target="es"))
        named = await server.stub.TranslateText(request(GERMAN, model="en-it"))
        for answer in (said, only, named):
            assert answer.translations[0].detected_language_code == ""
            assert answer.translations[0].detected_language_confidence == 0
        assert counts(engines) == [2, 0, 1]


async def test_where_it_is_off_the_request_has_to_say_what_it_means() -> None:
    async with serving("en-it", "de-it", detect_languages=False) as (server, _):
        failure = await failure_of(server.stub.TranslateText(request(GERMAN)))
        assert failure.reason == "MODEL_REQUIRED"
    async with serving("en+de-it", detect_languages=False) as (server, _):
        failure = await failure_of(server.stub.TranslateText(request(GERMAN)))
        assert failure.reason == "LANGUAGE_REQUIRED"


@pytest.mark.parametrize("text", [FRENCH, "Xq zzv"])
async def test_a_text_of_another_language_or_of_none_that_is_sure_is_an_error_for_all(
    text: str,
) -> None:
    async with serving("en-it", "de-it") as (server, engines):
        failure = await failure_of(server.stub.TranslateText(request(ENGLISH, text)))
        assert failure.code == grpc.StatusCode.INVALID_ARGUMENT
        assert failure.reason == "LANGUAGE_NOT_DETECTED"
        assert list(failure.fields) == ["contents[1]"]
        assert failure.metadata["allowed"] == "source_language_code de, en"
        assert text not in failure.message
        assert counts(engines) == [0, 0]
        if text == FRENCH:
            assert failure.metadata["given"].startswith("fr 0.9")


async def test_a_text_without_letters_is_translated_whatever_stands_beside_it() -> None:
    async with serving("en-it", "de-it") as (server, engines):
        for beside in (ENGLISH, GERMAN):
            answer = await server.stub.TranslateText(request(beside, "12:30", "", "🙂"))
            for each in answer.translations[1:]:
                assert each.detected_language_code == "und"
                assert each.model == "de-it"  # the first by name
            assert answer.translations[1].translated_text == "12:30"
        assert counts(engines) == [1, 5]


async def test_a_model_of_any_language_takes_what_no_other_does() -> None:
    async with serving("en-it", "mul-it") as (server, _):
        answer = await server.stub.TranslateText(request(FRENCH))
        assert answer.translations[0].model == "mul-it"
        assert answer.translations[0].detected_language_code == "fr"


async def test_indonesian_is_found_behind_malay() -> None:
    async with serving("en-it", "id-it") as (server, _):
        answer = await server.stub.TranslateText(request("Besok kami akan pergi ke pantai."))
        assert answer.translations[0].model == "id-it"
        assert answer.translations[0].detected_language_code == "id"


async def test_a_language_is_found_where_models_have_it_of_a_region_or_a_script() -> None:
    async with serving("en-it", "pt_BR+zh_Hant-it") as (server, _):
        texts = ["Não sei o que fazer.", "火車站在哪裡", ENGLISH]
        answer = await server.stub.TranslateText(request(*texts))
        found_out = [(each.detected_language_code, each.model) for each in answer.translations]
        assert found_out == [
            ("pt-BR", "pt_BR+zh_Hant-it"),
            ("zh-Hant", "pt_BR+zh_Hant-it"),
            ("en", "en-it"),
        ]


async def test_texts_of_a_stream_are_looked_at_one_by_one() -> None:
    async with serving("en-it", "de-it") as (server, engines):
        engines["de-it"].echo = False
        call = server.stub.StreamTranslateText()
        for number, text in enumerate((ENGLISH, FRENCH)):
            asked = StreamTranslateTextRequest(
                id=str(number), content=text, target_language_code="it"
            )
            await call.write(asked)
            answer = await read(call)
            if text == ENGLISH:
                assert answer.translation.model == "en-it"
                assert answer.translation.detected_language_code == "en"
            else:
                failure = unpacked(answer.error)
                assert failure.reason == "LANGUAGE_NOT_DETECTED"
                assert list(failure.fields) == ["content"]
        asked = StreamTranslateTextRequest(
            id="2", content=GERMAN, target_language_code="it", partial_results=True
        )
        await call.write(asked)
        (text_,) = await engines["de-it"].has_texts(1)
        text_.partial(2)
        assert (await read(call)).partial_text == "Wo ist"
        text_.finish()
        assert (await read(call)).translation.detected_language_code == "de"


async def test_if_one_model_has_no_room_none_of_the_texts_is_translated() -> None:
    async with serving("en-it", "de-it") as (server, engines):
        engines["en-it"].echo = False
        engines["de-it"].room = 0
        failure = await failure_of(server.stub.TranslateText(request(ENGLISH, GERMAN)))
        assert failure.code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert all(text.future.cancelled() for text in engines["en-it"].texts)


async def test_it_is_refused_unread_only_where_no_model_in_question_has_room() -> None:
    async with serving("en-it", "de-it") as (server, engines):
        engines["en-it"].refusal = QueueFullError("full", retry_after_seconds=1.0)
        await server.stub.TranslateText(request(GERMAN))
        engines["de-it"].refusal = QueueFullError("full too", retry_after_seconds=1.0)
        failure = await failure_of(server.stub.TranslateText(request(GERMAN)))
        assert failure.message == "full too"


async def test_an_error_names_a_text_by_its_place_in_the_whole_request() -> None:
    async with serving("en-it", "de-it") as (server, _):
        long = GERMAN + " Ich weiß nicht, was ich tun soll." * 3
        asked = request(ENGLISH, ENGLISH, GERMAN, long, segmentation=SEGMENTATION_NONE)
        failure = await failure_of(server.stub.TranslateText(asked))
        assert failure.reason == "TEXT_TOO_LONG"
        assert list(failure.fields) == ["contents[3]"]
        assert failure.message.startswith("contents[3] has")


async def test_a_text_draws_by_its_place_in_the_whole_request() -> None:
    async with serving("en-it", "de-it") as (server, engines):
        options = DecodingOptions(sampling_topk=4, seed=7)
        texts = [ENGLISH, GERMAN, ENGLISH, GERMAN]
        await server.stub.TranslateText(request(*texts, options=options))
        seeds = {
            name: [text.options.seed for text in engine.texts] for name, engine in engines.items()
        }
        assert seeds == {"en-it": [7, 9], "de-it": [8, 10]}


async def test_the_contents_are_checked_before_anything_is_looked_at() -> None:
    async with serving("en-it", "de-it", max_contents=2) as (server, _):
        failure = await failure_of(server.stub.TranslateText(request("a", "b", "c")))
        assert failure.reason == "TOO_MANY_CONTENTS"
        failure = await failure_of(server.stub.TranslateText(request("a\0")))
        assert failure.reason == "NUL_CHARACTER"


async def test_what_comes_and_goes_changes_what_is_looked_for() -> None:
    async with serving("en-it", "de-it") as (server, _):
        assert (await server.stub.TranslateText(request(GERMAN))).translations[0].model == "de-it"
        await server.pool.drop("de-it")
        answer = await server.stub.TranslateText(request(GERMAN))
        assert answer.translations[0].model == "en-it"
        assert answer.translations[0].detected_language_code == ""
