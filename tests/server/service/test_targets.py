"""One source into several languages: the translations of a request for each, all or none."""

from collections.abc import Callable, Sequence

import grpc
import pytest

from dragoman.v1.translation_pb2 import (
    DecodingOptions,
    GlossaryConfig,
    GlossaryEntry,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.access.keys import new_key
from dragoman_server.errors import QueueFullError
from tests.server.service.harness import Running, failure_of, manifest, running
from tests.server.service.test_access import KEY, bearer, entries, entry
from tests.server.service.test_detecting import ENGLISH, GERMAN, counts, serving

MODELS = ("en-de", "en-fr", "en-es+it", "de-en")

TERM = GlossaryConfig(entries=[GlossaryEntry(source_term="a", target_term="b")])

THROUGH_ENGLISH = {"pivot_language_code": "en"}


def request(
    *contents: str, into: Sequence[str] = ("de", "fr"), **fields: object
) -> TranslateTextRequest:
    fields = {"source_language_code": "en"} | fields
    return TranslateTextRequest(contents=contents, target_language_codes=into, **fields)  # type: ignore[arg-type]


async def into_each(server: Running, asked: TranslateTextRequest) -> list[Translation]:
    """Returns what requests for one language each are answered, as one for all of them is."""
    answers = []
    for code in asked.target_language_codes:
        one = TranslateTextRequest()
        one.CopyFrom(asked)
        del one.target_language_codes[:]
        one.target_language_code = code
        answer = (await server.stub.TranslateText(one)).translations
        assert {each.target_language_code for each in answer} == {""}
        for each in answer:
            each.target_language_code = code
        answers.append(answer)
    return [each for translations in zip(*answers, strict=True) for each in translations]


async def test_translations_come_text_by_text_in_the_order_of_the_codes() -> None:
    async with serving(*MODELS) as (server, engines):
        answer = await server.stub.TranslateText(request("a b", "c", into=["fr", "it", "de"]))
        told = [(t.translated_text, t.target_language_code, t.model) for t in answer.translations]
        assert told == [
            ("a b", "fr", "en-fr"),
            ("a b", "it", "en-es+it"),
            ("a b", "de", "en-de"),
            ("c", "fr", "en-fr"),
            ("c", "it", "en-es+it"),
            ("c", "de", "en-de"),
        ]
        assert counts(engines) == [2, 2, 2, 0]
        assert server.sample("dragoman_requests_total", code="OK", model="") == 1


@pytest.mark.parametrize(
    "asked",
    [
        request("a b", "", "c"),
        request("a b", into=["es", "it"], options=DecodingOptions(beam_size=3, num_hypotheses=2)),
        request("a", "b c", options=DecodingOptions(sampling_topk=4, seed=7)),
        request("One. Two.\n\n- three", segmentation=2),
        request("<p>a <b>b</b></p>c", "d", mime_type="text/html"),
        request("Take %s home", protect_placeholders=True, dnt_phrases=["home"]),
        request("a", glossary_config=TERM),
        request(GERMAN, ENGLISH, source_language_code="", into=["fr", "it"], **THROUGH_ENGLISH),
        request("a", "b", source_language_code="de", into=["en", "fr"], **THROUGH_ENGLISH),
        request("a", model="en-es+it", into=["it", "es"]),
    ],
)
async def test_they_are_those_of_a_request_for_each(asked: TranslateTextRequest) -> None:
    async with serving(*MODELS) as (server, _):
        together = (await server.stub.TranslateText(asked)).translations
        assert list(together) == await into_each(server, asked)
        assert len(together) == len(asked.contents) * len(asked.target_language_codes)


async def test_engines_get_a_text_into_all_languages_in_one_turn() -> None:
    async with running(manifest("en", "de fr it es")) as server:
        texts = [f"{number} a" for number in range(40)]
        call = server.stub.TranslateText(request(*texts, into=["de", "fr", "it", "es"]))
        first = await server.engine.has_texts(1)
        assert len(first) == 160  # nobody had a turn between the first and the last
        assert all(text.sender.comes_with_others for text in first)
        for text in first:
            text.finish()
        assert len((await call).translations) == 160
        assert server.sample("dragoman_requests_total", code="OK", model="tiny") == 1


async def test_what_is_for_one_language_comes_alone(server: Running) -> None:
    server.engine.echo = True
    answer = await server.stub.TranslateText(TranslateTextRequest(contents=["a"]))
    assert answer.translations[0].target_language_code == ""
    assert not server.engine.texts[0].sender.comes_with_others


async def test_as_many_as_there_may_be_are_begun_in_several_turns() -> None:
    codes = [f"{first}{second}" for first in "abcdefgh" for second in "klmnopqr"]
    async with running(manifest("en", " ".join(codes))) as server:
        server.engine.echo = True
        texts = [f"t{number}" for number in range(16)]
        translations = (await server.stub.TranslateText(request(*texts, into=codes))).translations
        told = [(each.translated_text, each.target_language_code) for each in translations]
        assert told == [(text, code) for text in texts for code in codes]


@pytest.mark.parametrize(
    ("asked", "field", "reason", "message"),
    [
        (
            request("a", target_language_code="de"),
            "target_language_codes",
            "OPTIONS_CONFLICT",
            (
                "target_language_codes has 2 codes beside target_language_code 'de'; "
                "allowed: one of the two fields"
            ),
        ),
        (
            request("a", into=["de", "fr", "de"]),
            "target_language_codes[2]",
            "OPTIONS_CONFLICT",
            "target_language_codes[2] is 'de'; allowed: each code once",
        ),
        (
            request("a", into=["de", ""]),
            "target_language_codes[1]",
            "LANGUAGE_REQUIRED",
            "target_language_codes[1] is empty; allowed: the code of a language",
        ),
        (
            request("a", into=["de", "f" * 36]),
            "target_language_codes[1]",
            "LANGUAGE_CODE_TOO_LONG",
            "target_language_codes[1] has 36 characters; allowed: at most 35",
        ),
        (
            request("a", into=[f"de-{number}" for number in range(65)]),
            "target_language_codes",
            "TOO_MANY_TARGETS",
            "target_language_codes has 65 codes; allowed: at most 64",
        ),
        (
            request(*["a"] * 6),
            "contents",
            "TOO_MANY_CONTENTS",
            "contents has 6 texts for 2 languages, 12 translations; allowed: at most 10",
        ),
        (
            request("ab " * 17),
            "contents",
            "TOO_MANY_CODE_POINTS",
            "contents has 51 code points for 2 languages; allowed: at most 50",
        ),
        (request(), "contents", "NO_CONTENTS", "contents has 0 texts; allowed: 1 to 10"),
        (
            request("a", "b\0"),
            "contents[1]",
            "NUL_CHARACTER",
            (
                "contents[1] has a NUL character at code point 1; allowed: "
                "text without NUL characters"
            ),
        ),
        (
            request("a", options=DecodingOptions(beam_size=99)),
            "options.beam_size",
            "OPTION_OUT_OF_RANGE",
            "options.beam_size is 99; allowed: 1 to 16",
        ),
    ],
)
async def test_what_is_wrong_is_told(
    asked: TranslateTextRequest, field: str, reason: str, message: str
) -> None:
    async with serving("en-de", "en-fr", max_contents=10, max_code_points=100) as (server, engines):
        failure = await failure_of(server.stub.TranslateText(asked))
        assert failure.code == grpc.StatusCode.INVALID_ARGUMENT
        assert (list(failure.fields), failure.reason) == ([field], reason)
        assert failure.message == message
        assert counts(engines) == [0, 0]


async def test_a_language_that_nobody_has_is_told() -> None:
    async with serving("en-de", "en-fr") as (server, engines):
        failure = await failure_of(server.stub.TranslateText(request("a", into=["de", "xx"])))
        assert failure.code == grpc.StatusCode.NOT_FOUND
        assert failure.message.startswith("no model translates from 'en' to 'xx'")
        assert counts(engines) == [0, 0]
    async with running(manifest("en", "de fr")) as server:
        failure = await failure_of(server.stub.TranslateText(request("a", into=["de", "xx"])))
        assert failure.message.startswith("no language pair from 'en' to 'xx'")
        await server.engine.until(lambda: all(t.future.cancelled() for t in server.engine.texts))


async def test_without_any_model_it_says_so() -> None:
    async with running() as server:
        await server.pool.drop("bundle")
        failure = await failure_of(server.stub.TranslateText(request("a")))
        assert failure.reason == "NO_MODEL"


async def test_if_there_is_no_room_in_one_language_nothing_is_translated() -> None:
    async with serving("en-de", "en-fr") as (server, engines):
        engines["en-de"].echo = False
        engines["en-fr"].room = 0
        failure = await failure_of(server.stub.TranslateText(request("a", "b")))
        assert failure.code == grpc.StatusCode.RESOURCE_EXHAUSTED
        await engines["en-de"].all_cancelled()


async def test_a_model_that_refuses_refuses_the_request_unread() -> None:
    async with serving("en-de", "en-fr") as (server, engines):
        engines["en-fr"].is_at_ease = False
        engines["en-fr"].refusal = QueueFullError("full", retry_after_seconds=0.25)
        failure = await failure_of(server.stub.TranslateText(request("a")))
        assert failure.code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert counts(engines) == [0, 0]


async def test_each_model_is_asked_for_room_for_its_own_translations_alone() -> None:
    ahead: dict[str, list[int]] = {"en-de": [], "en-es+it": []}
    async with serving(*ahead) as (server, engines):

        def note(name: str) -> Callable[..., None]:
            return lambda _limit, _outline, _sender, texts_ahead: ahead[name].append(texts_ahead)

        for name, engine in engines.items():
            engine.check_room = note(name)  # type: ignore[method-assign]
        await server.stub.TranslateText(request("a", "b", into=["es", "de", "it"]))
    assert ahead == {"en-de": [0], "en-es+it": [0, 2]}


async def test_a_caller_who_goes_away_takes_all_of_them_along() -> None:
    async with serving("en-de", "en-fr") as (server, engines):
        for engine in engines.values():
            engine.echo = False
        call = server.stub.TranslateText(request("a"))
        for engine in engines.values():
            await engine.has_texts(1)
        call.cancel()
        for engine in engines.values():
            await engine.all_cancelled()


async def test_what_is_kept_is_kept_for_each_language_whoever_asked_how() -> None:
    async with running(manifest("en", "de fr it"), cache_bytes=10_000) as server:
        server.engine.echo = True
        both = request("a", "b")
        first = (await server.stub.TranslateText(both)).translations
        assert len(server.engine.texts) == 4
        assert (await server.stub.TranslateText(both)).translations == first
        assert list(first) == await into_each(server, both)
        assert len(server.engine.texts) == 4
        await server.stub.TranslateText(request("a", "b", into=["fr", "it"]))
        assert len(server.engine.texts) == 6


async def test_each_translation_counts_for_its_caller() -> None:
    other = new_key()
    limited = entry(other, "other", texts_per_second=0.01, burst_seconds=500)
    async with running(
        manifest("en", "de fr it"), api_key_entries=entries(entry(), limited)
    ) as server:
        server.engine.echo = True
        asked = request("a b", "c", into=["de", "fr", "it"])
        await server.stub.TranslateText(asked, metadata=bearer(KEY))
        for name, count in (("texts", 6), ("code_points", 12), ("target_tokens", 9)):
            assert server.sample(f"dragoman_caller_{name}_total", caller="acme") == count
        await server.stub.TranslateText(asked, metadata=bearer(other))  # six texts, of five
        again = server.stub.TranslateText(request("c", into=["de"]), metadata=bearer(other))
        assert (await failure_of(again)).code == grpc.StatusCode.RESOURCE_EXHAUSTED
