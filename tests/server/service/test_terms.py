"""Placeholders, phrases that are kept and glossaries: what the engine is asked, what comes back."""

from pathlib import Path

import grpc
import pytest

from dragoman.v1.translation_pb2 import (
    GLOSSARY_MODE_SOFT,
    DecodingOptions,
    GlossaryConfig,
    GlossaryEntry,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.errors import DeadlineError, UnavailableError
from dragoman_server.sequence import Completion, FinishReason
from tests.server.service.fakes import FakeText
from tests.server.service.harness import Running, failure_of, read, running

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def glossary(*pairs: tuple[str, str], **settings: object) -> GlossaryConfig:
    entries = [GlossaryEntry(source_term=source, target_term=target) for source, target in pairs]
    return GlossaryConfig(entries=entries, **settings)  # type: ignore[arg-type]


def say(text: FakeText, *places: int) -> None:
    """Ends a text with those of its source tokens that stand at these places."""
    tokens = [text.source_ids[place] for place in places]
    text.future.set_result(Completion(tokens, FinishReason.STOP, None))


def reasons(translation: Translation) -> list[str]:
    return [warning.reason for warning in translation.warnings]


async def test_a_text_with_nothing_to_mark_is_translated_as_ever(server: Running) -> None:
    server.engine.echo = True
    request = TranslateTextRequest(
        contents=["a b"],
        protect_placeholders=True,
        dnt_phrases=["c"],
        glossary_config=glossary(("d", "e")),
    )
    (translation,) = (await server.stub.TranslateText(request)).translations
    assert (translation.translated_text, reasons(translation)) == ("a b", [])
    assert len(server.engine.texts) == 1


async def test_the_model_sees_words_in_place_of_placeholders(server: Running) -> None:
    server.engine.echo = True
    contents = ["open {name} now", "{a}{b} and %s of X47", "price%d."]
    request = TranslateTextRequest(contents=contents, protect_placeholders=True)
    response = await server.stub.TranslateText(request)
    assert [each.translated_text for each in response.translations] == contents
    lengths = [len(text.source_ids) for text in server.engine.texts]
    assert lengths == [4, 6, 3], "words and an end; what is glued together is cut apart"


async def test_what_is_nothing_but_placeholders_needs_no_model(server: Running) -> None:
    contents = ["{name}", " %s: https://example.org/ "]
    request = TranslateTextRequest(contents=contents, protect_placeholders=True)
    response = await server.stub.TranslateText(request)
    assert [each.translated_text for each in response.translations] == contents
    assert server.engine.texts == []


async def test_a_placeholder_that_is_lost_is_required(server: Running) -> None:
    request = TranslateTextRequest(contents=["open {name} now", "b"], protect_placeholders=True)
    call = server.stub.TranslateText(request)
    first, other = await server.engine.has_texts(2)
    assert not first.options.required_sequences
    say(first, 0, 2)
    other.finish()
    again = (await server.engine.has_texts(3))[2]
    assert again.source_ids == first.source_ids
    (required,) = again.options.required_sequences
    assert required.alternatives == ((first.source_ids[1],),)
    assert required.is_whole
    assert required.is_only
    assert again.options.beam_size == 6
    assert again.limit == first.limit
    say(again, 1, 0, 2)
    one, two = (await call).translations
    assert (one.translated_text, two.translated_text) == ("{name} open now", "b")
    assert reasons(one) == reasons(two) == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((0, 2), "open {name} now"),
        ((), "{name}"),
        ((1, 0, 1, 2), "{name} open now"),
    ],
)
async def test_what_is_lost_or_said_twice_nevertheless_is_put_right(
    server: Running, said: tuple[int, ...], expected: str
) -> None:
    request = TranslateTextRequest(contents=["open {name} now"], protect_placeholders=True)
    call = server.stub.TranslateText(request)
    for count in (1, 2):
        say((await server.engine.has_texts(count))[-1], *said)
    (translation,) = (await call).translations
    assert translation.translated_text == expected
    lost = 1 not in said
    assert reasons(translation) == ["PLACEHOLDER_MOVED"] * lost
    if lost:
        assert translation.warnings[0].message.startswith("'{name}' was lost in the translation")


async def test_tags_keep_their_order(server: Running) -> None:
    contents = ["a <b> c </b> d"]
    call = server.stub.TranslateText(
        TranslateTextRequest(contents=contents, protect_placeholders=True)
    )
    for count in (1, 2):
        say((await server.engine.has_texts(count))[-1], 3, 2, 1, 0, 4)
    (translation,) = (await call).translations
    assert translation.translated_text == "<b> c </b> a d"
    assert reasons(translation) == ["PLACEHOLDER_MOVED"]
    message = "'<b>' changed places with another tag; 1 more like it"
    assert translation.warnings[0].message == message


@pytest.mark.parametrize(
    "error", [None, DeadlineError("too late"), UnavailableError("unloaded meanwhile")]
)
async def test_without_room_time_or_engine_for_another_try_there_is_none(
    server: Running, error: Exception | None
) -> None:
    request = TranslateTextRequest(contents=["open {name} now"], protect_placeholders=True)
    call = server.stub.TranslateText(request)
    (first,) = await server.engine.has_texts(1)
    server.engine.room = 0 if error is None else 10
    say(first, 0, 2)
    if error is not None:
        (await server.engine.has_texts(2))[1].fail(error)
    (translation,) = (await call).translations
    assert translation.translated_text == "open {name} now"
    assert reasons(translation) == ["PLACEHOLDER_MOVED"]


async def test_what_has_no_room_in_a_translation_is_not_required(server: Running) -> None:
    options = DecodingOptions(max_decoding_length=1)
    request = TranslateTextRequest(
        contents=["{a} b {c} d {e}"], protect_placeholders=True, options=options
    )
    call = server.stub.TranslateText(request)
    say((await server.engine.has_texts(1))[0], 1)
    (translation,) = (await call).translations
    assert sorted(translation.translated_text.split()) == ["b", "{a}", "{c}", "{e}"]
    assert len(server.engine.texts) == 1


async def test_a_phrase_that_is_not_translated_is_in_the_text_and_required(server: Running) -> None:
    request = TranslateTextRequest(contents=["see New York now"], dnt_phrases=["York", "New York"])
    call = server.stub.TranslateText(request)
    first = (await server.engine.has_texts(1))[0]
    assert len(first.source_ids) == 5, "the model sees it"
    say(first, 0, 2, 3)
    again = (await server.engine.has_texts(2))[1]
    (required,) = again.options.required_sequences
    assert required.alternatives == (tuple(first.source_ids[1:3]),)
    assert not required.is_only
    say(again, 1, 2, 0)
    assert (await call).translations[0].translated_text == "New York see"


async def test_a_glossary_says_what_terms_become(server: Running) -> None:
    config = glossary(("house", "Haus"), ("big house", "Villa"), ignore_case=True)
    request = TranslateTextRequest(contents=["the Big house"], glossary_config=config)
    call = server.stub.TranslateText(request)
    for count in (1, 2):
        text = (await server.engine.has_texts(count))[-1]
        say(text, 0, 1)
    assert len(text.options.required_sequences) == 1
    (translation,) = (await call).translations
    assert translation.translated_text == "the Villa Big"
    assert reasons(translation) == ["TERM_MOVED"]


async def test_a_soft_term_may_be_inflected(server: Running) -> None:
    config = glossary(("house", "Haus"), mode=GLOSSARY_MODE_SOFT)
    request = TranslateTextRequest(contents=["house Häuser"], glossary_config=config)
    call = server.stub.TranslateText(request)
    say((await server.engine.has_texts(1))[0], 1)
    (translation,) = (await call).translations
    assert (translation.translated_text, reasons(translation)) == ("Häuser", [])


async def test_a_soft_term_that_is_not_said_is_told(server: Running) -> None:
    config = glossary(("house", "Haus"), mode=GLOSSARY_MODE_SOFT)
    call = server.stub.TranslateText(
        TranslateTextRequest(contents=["house b"], glossary_config=config)
    )
    for count in (1, 2):
        say((await server.engine.has_texts(count))[-1], 1)
    (translation,) = (await call).translations
    assert (translation.translated_text, reasons(translation)) == ("b", ["TERM_MISSING"])


async def test_drawing_ends_where_something_is_required(server: Running) -> None:
    options = DecodingOptions(sampling_topk=5, seed=3)
    call = server.stub.TranslateText(
        TranslateTextRequest(contents=["a {b}"], protect_placeholders=True, options=options)
    )
    first = (await server.engine.has_texts(1))[0]
    assert first.options.sampling_topk == 5
    say(first, 0)
    again = (await server.engine.has_texts(2))[1]
    assert again.options.sampling_topk == 1
    again.finish()
    assert (await call).translations[0].translated_text == "a {b}"


async def test_texts_of_a_stream_have_all_of_it_but_no_partial_text(server: Running) -> None:
    stream = server.stub.StreamTranslateText()
    await stream.write(
        StreamTranslateTextRequest(
            id="1", content="a {b} c", protect_placeholders=True, partial_results=True
        )
    )
    first = (await server.engine.has_texts(1))[0]
    assert first.on_partial is None, "it would show what stands for {b}"
    say(first, 0)
    (await server.engine.has_texts(2))[1].finish()
    answer = await read(stream)
    assert answer.translation.translated_text == "a {b} c"
    stream.cancel()


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"dnt_phrases": ["a"] * 257}, "dnt_phrases", "TOO_MANY_TERMS"),
        ({"dnt_phrases": ["a", ""]}, "dnt_phrases[1]", "TERM_LENGTH"),
        ({"dnt_phrases": ["a" * 201]}, "dnt_phrases[0]", "TERM_LENGTH"),
        ({"dnt_phrases": [" a"]}, "dnt_phrases[0]", "TERM_BLANK"),
        ({"dnt_phrases": ["a\0b"]}, "dnt_phrases[0]", "NUL_CHARACTER"),
        ({"dnt_phrases": ["a" * 200] * 160}, "dnt_phrases", "TOO_MANY_CODE_POINTS"),
        ({"glossary_config": GlossaryConfig()}, "glossary_config", "NO_GLOSSARY"),
        (
            {"glossary_config": glossary(*[("a", "b")] * 1001)},
            "glossary_config.entries",
            "TOO_MANY_TERMS",
        ),
        (
            {"glossary_config": glossary(("a", "b"), ("c", ""))},
            "glossary_config.entries[1]",
            "TERM_LENGTH",
        ),
        (
            {"glossary_config": glossary(("a", "b"), mode=3)},
            "glossary_config.mode",
            "OPTION_OUT_OF_RANGE",
        ),
    ],
)
async def test_what_is_wrong_is_told_by_its_field(
    server: Running, fields: dict[str, object], field: str, reason: str
) -> None:
    failure = await failure_of(
        server.stub.TranslateText(TranslateTextRequest(contents=["a"], **fields))  # type: ignore[arg-type]
    )
    assert (failure.code, failure.reason) == (INVALID, reason)
    assert list(failure.fields) == [field]


async def test_a_glossary_of_the_server_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "house@2.tsv").write_text("en\tde\nhouse\tHaus\nroof\tDach\n")
    (tmp_path / "other.tsv").write_text("fr\tde\nmaison\tHaus\n")
    async with running(glossaries=tmp_path) as server:
        server.engine.echo = True
        config = glossary(("roof", "Giebel"), glossary="house@2")
        request = TranslateTextRequest(contents=["house roof"], glossary_config=config)
        (translation,) = (await server.stub.TranslateText(request)).translations
        assert sorted(translation.translated_text.split()) == ["Giebel", "Haus", "house", "roof"]
        for name, code, reason in (
            ("house@3", grpc.StatusCode.NOT_FOUND, "GLOSSARY_NOT_FOUND"),
            ("other", INVALID, "GLOSSARY_LANGUAGES"),
        ):
            wrong = TranslateTextRequest(
                contents=["a"], glossary_config=GlossaryConfig(glossary=name)
            )
            failure = await failure_of(server.stub.TranslateText(wrong))
            assert (failure.code, failure.reason) == (code, reason)


async def test_a_server_without_glossaries_has_none(server: Running) -> None:
    config = GlossaryConfig(glossary="house")
    request = TranslateTextRequest(contents=["a"], glossary_config=config)
    failure = await failure_of(server.stub.TranslateText(request))
    assert failure.reason == "GLOSSARY_NOT_FOUND"
