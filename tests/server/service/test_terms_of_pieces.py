"""Placeholders, kept phrases and glossaries in texts that are split: each piece has its own."""

import asyncio

import pytest

from dragoman.v1.translation_pb2 import (
    SEGMENTATION_NONE,
    SEGMENTATION_SENTENCES,
    DecodingOptions,
    GlossaryConfig,
    GlossaryEntry,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.errors import DeadlineError
from dragoman_server.sequence import Completion, FinishReason, Hypothesis
from dragoman_server.service.account import Usage
from dragoman_server.service.translator import Translator
from tests.server.service.fakes import FakeEngine, FakeText, FakeTokenizer
from tests.server.service.harness import Running, make_config, make_setup, manifest, read

ICU = "{n, plural,\n  one {# file. Good.}\n  other {# files.}\n}"


def request(content: str, **fields: object) -> TranslateTextRequest:
    fields = {"protect_placeholders": True} | fields
    return TranslateTextRequest(contents=[content], **fields)  # type: ignore[arg-type]


async def translated(server: Running, content: str, **fields: object) -> Translation:
    answer = await server.stub.TranslateText(request(content, **fields))
    return answer.translations[0]


def parts(content: str, translation: Translation) -> list[tuple[str, str]]:
    """What each segment says it is of the text, and what of the translation."""
    target = translation.translated_text
    return [
        (content[s.source_begin : s.source_end], target[s.target_begin : s.target_end])
        for s in translation.segments
    ]


def say(text: FakeText, *places: int) -> None:
    """Ends a piece with those of its source tokens that stand at these places."""
    tokens = [text.source_ids[place] for place in places]
    text.future.set_result(Completion(tokens, FinishReason.STOP, -0.5))


@pytest.mark.parametrize(
    ("content", "sentences"),
    [
        ("See {a. B} now.\n\n Go to %s!  ", ["See {a. B} now.", "Go to %s!"]),
        ("It has `a. B. C` in it.\nIt rains.", ["It has `a. B. C` in it.", "It rains."]),
        (f"You have {ICU} here.\nIt rains.", [f"You have {ICU} here.", "It rains."]),
        ("It rains.\n{name}\n- %s, %d\nHe is {x}.", ["It rains.", "He is {x}."]),
        ("```\n- a\n- b\n``` is code.\nIt rains.", ["```\n- a\n- b\n``` is code.", "It rains."]),
        ("<b>It rains. He goes.</b>\nGone.", ["<b>It rains.", "He goes.</b>", "Gone."]),
    ],
)
async def test_no_sentence_ends_within_a_placeholder_and_spans_are_of_what_was_put_back(
    server: Running, content: str, sentences: list[str]
) -> None:
    server.engine.echo = True
    translation = await translated(server, content, segmentation=SEGMENTATION_SENTENCES)
    assert translation.translated_text == content
    assert parts(content, translation) == [(each, each) for each in sentences]
    assert len(server.engine.texts) == len(sentences)
    assert not translation.warnings


@pytest.mark.parametrize("segmentation", [SEGMENTATION_NONE, SEGMENTATION_SENTENCES])
async def test_each_branch_of_a_message_is_a_text_of_its_own(
    server: Running, segmentation: int
) -> None:
    server.engine.echo = True
    content = f" {{who, select, her {{She''s here}} other {{{ICU}}} none {{ - }}}}\n"
    translation = await translated(server, content, segmentation=segmentation)
    said = [source for source, _ in parts(content, translation)]
    assert translation.translated_text == content
    if segmentation == SEGMENTATION_SENTENCES:
        assert said == ["She''s here", "# file.", "Good.", "# files."]
    else:
        assert said == ["She''s here", "# file. Good.", "# files."]
    assert not translation.warnings


async def test_what_is_in_an_element_is_a_text_of_its_own(server: Running) -> None:
    server.engine.echo = True
    content = "<b> <i>It rains {name}.</i>\n</b> "
    translation = await translated(server, content)
    assert translation.translated_text == content
    assert parts(content, translation) == [("It rains {name}.",) * 2]
    (asked,) = server.engine.texts
    assert len(asked.source_ids) == len(["It", "rains", "X47.", "</s>"])


async def test_a_message_of_many_branches_is_as_one_of_few(server: Running) -> None:
    server.engine.echo = True
    several = " ".join(f"={n} {{No. {n} of # now}}" for n in range(70))
    content = f"{{n, plural, {several} other {{it}}}}"
    translation = await translated(server, content)
    assert translation.translated_text == content
    assert len(translation.segments) == 71


async def test_without_placeholders_a_message_is_a_text_like_others(server: Running) -> None:
    server.engine.echo = True
    await translated(server, ICU, protect_placeholders=False, segmentation=SEGMENTATION_NONE)
    assert len(server.engine.texts) == 1


async def test_no_sentence_ends_within_a_phrase_or_a_term(server: Running) -> None:
    server.engine.echo = True
    content = "I saw Dr. No. He saw The End. Of Us."
    config = GlossaryConfig(
        entries=[GlossaryEntry(source_term="The End. Of Us", target_term="Das Ende. Von uns")]
    )
    translation = await translated(
        server,
        content,
        dnt_phrases=["Dr. No"],
        glossary_config=config,
        segmentation=SEGMENTATION_SENTENCES,
    )
    assert [source for source, _ in parts(content, translation)] == [
        "I saw Dr. No.",
        "He saw The End. Of Us.",
    ]
    assert "Das Ende. Von uns" in translation.translated_text


async def test_a_phrase_is_found_across_a_wrapped_line_and_parts_no_lines_of_a_list(
    server: Running,
) -> None:
    server.engine.echo = True
    prose = "it is all about the city that is New\nYork and nothing else than it, as it was\nonce."
    config = GlossaryConfig(entries=[GlossaryEntry(source_term="New York", target_term="NYC")])
    for content, is_prose in ((prose, True), ("New\nYork", False)):
        translation = await translated(server, content, glossary_config=config)
        assert len(translation.segments) == 2, "prose of more tokens than the model takes is cut"
        found = [source for source, _ in parts(content, translation)]
        assert any("New\nYork" in source for source in found) == is_prose
        assert ("NYC" in translation.translated_text) == is_prose


async def test_a_piece_alone_that_lacks_something_is_tried_again(server: Running) -> None:
    content = "Open {name} now.\nIt rains.\nGo to %s."
    call = server.stub.TranslateText(request(content))
    first, second, third = await server.engine.has_texts(3)
    say(first, 0, 2)
    second.finish()
    third.finish()
    again = (await server.engine.has_texts(4))[3]
    assert again.source_ids == first.source_ids
    (required,) = again.options.required_sequences
    assert required.alternatives == ((first.source_ids[1],),)
    assert again.limit == first.limit
    say(again, 1, 0, 2)
    (translation,) = (await call).translations
    assert translation.translated_text == "{name} Open now.\nIt rains.\nGo to %s."
    assert parts(content, translation)[0] == ("Open {name} now.", "{name} Open now.")
    assert parts(content, translation)[2] == ("Go to %s.", "Go to %s.")
    assert len(server.engine.texts) == 4
    assert not translation.warnings


@pytest.mark.parametrize("is_full", [True, False])
async def test_warnings_of_pieces_are_one_of_each_reason(server: Running, *, is_full: bool) -> None:
    content = "Open {a} now.\nIt rains.\nSee {b} and {c}."
    call = server.stub.TranslateText(request(content))
    first, second, third = await server.engine.has_texts(3)
    server.engine.room = 0 if is_full else 10
    say(first, 0, 2)
    second.finish()
    say(third, 0, 2)
    if not is_full:
        for text in (await server.engine.has_texts(5))[3:]:
            text.fail(DeadlineError("too late"))
    (translation,) = (await call).translations
    assert sorted(translation.translated_text.split()) == [
        *("It", "Open", "See", "and", "now.", "rains.", "{a}", "{b}", "{c}")
    ]
    (warning,) = translation.warnings
    assert warning.reason == "PLACEHOLDER_MOVED"
    assert warning.message == (
        "'{a}' was lost in the translation and put in where it stands in the text; 2 more like it"
    )
    found = [target for _, target in parts(content, translation)]
    assert "\n".join(found) == translation.translated_text


async def test_a_piece_with_a_placeholder_has_no_partial_text_before_it_is_finished(
    server: Running,
) -> None:
    stream = server.stub.StreamTranslateText()
    content = "It rains here.\nOpen {x} now.\nGone."
    await stream.write(
        StreamTranslateTextRequest(
            id="1", content=content, protect_placeholders=True, partial_results=True
        )
    )
    first, second, third = await server.engine.has_texts(3)
    first.finish()
    second.partial(2)
    assert (await read(stream)).partial_text == "It rains here."
    second.finish()
    third.partial(1)
    assert (await read(stream)).partial_text == content
    third.finish()
    assert (await read(stream)).translation.translated_text == content
    stream.cancel()


async def test_hypotheses_and_token_scores_are_of_pieces_put_back(server: Running) -> None:
    content = "Open {a}.\nSee {b}."
    options = DecodingOptions(num_hypotheses=2, beam_size=2, return_token_scores=True)
    call = server.stub.TranslateText(request(content, options=options))
    for text in await server.engine.has_texts(2):
        whole, lost = text.source_ids[:-1], text.source_ids[:1]
        hypotheses = tuple(
            Hypothesis(ids, FinishReason.STOP, -1.0, [-1.0] * len(ids)) for ids in (whole, lost)
        )
        text.future.set_result(
            Completion(whole, FinishReason.STOP, -1.0, [-1.0] * len(whole), hypotheses=hypotheses)
        )
    (translation,) = (await call).translations
    assert translation.translated_text == content
    assert [each.translated_text for each in translation.hypotheses] == [
        content,
        "Open {a}\n{b} See",
    ]
    assert len(translation.token_scores) == translation.target_token_count
    assert not translation.warnings


async def test_a_text_that_is_not_split_has_no_segments(server: Running) -> None:
    server.engine.echo = True
    content = "See {a. B} now.\nGo to %s!"
    translation = await translated(server, content, segmentation=SEGMENTATION_NONE)
    assert translation.translated_text == "See {a. B} now. Go to %s!"
    assert not translation.segments
    assert translation.score == -0.5
    whole = await translated(server, "  See {a. B} now. ")
    assert (whole.translated_text, len(whole.segments)) == ("See {a. B} now.", 0)


async def test_a_text_that_is_all_its_own_translation_is_kept_to_the_byte(server: Running) -> None:
    content = " {a}. \n\n%s\n - <br/> "
    translation = await translated(server, content)
    assert translation.translated_text == content
    assert server.engine.texts == []


def translator(engine: FakeEngine, tokens: int) -> Translator:
    setup = make_setup(make_config(), manifest())
    setup.model.limits.max_input_length = tokens
    return Translator(setup.manifest, setup.model, FakeTokenizer(), engine)


async def test_a_sentence_that_is_too_long_is_cut_around_its_placeholders() -> None:
    engine = FakeEngine()
    engine.echo = True
    content = "a b c `d, e, f; g` h i j"
    (translation,) = await translator(engine, 6).translate_texts(request(content))
    assert translation.translated_text == content
    assert [source for source, _ in parts(content, translation)] == [
        "a b c",
        "`d, e, f; g` h i j",
    ]
    assert [warning.reason for warning in translation.warnings] == ["SENTENCE_SPLIT"]


async def test_what_is_tried_again_counts_as_usage() -> None:
    engine, usage = FakeEngine(), Usage()
    one = translator(engine, 100)
    content = "Open {a} now.\nIt rains."
    call = asyncio.ensure_future(one.translate_texts(request(content), usage=usage))
    first, second = await engine.has_texts(2)
    assert one.is_preparing, "the engine may still get a piece again"
    say(first, 0, 2)
    second.finish()
    again = (await engine.has_texts(3))[2]
    again.finish()
    await call
    texts = first, second, again
    assert usage.source_tokens == sum(len(text.source_ids) for text in texts)
    assert usage.rows == sum(text.options.beam_size for text in texts)
    assert not one.is_preparing
