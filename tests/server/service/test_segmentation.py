"""Texts that are split into sentences: what is split, what the engines get, what comes back.

The engine says each sentence as it is, so that a translation is its text again.
"""

import asyncio
import random

import grpc
import pytest

from dragoman.v1.translation_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    SEGMENTATION_AUTO,
    SEGMENTATION_NONE,
    SEGMENTATION_SENTENCES,
    DecodingOptions,
    Model,
    Segmentation,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.engine import Outline
from dragoman_server.errors import InvalidArgumentError, QueueFullError
from dragoman_server.sequence import Completion, FinishReason, Hypothesis
from dragoman_server.service import Translator
from tests.server.service.fakes import END_ID, FakeEngine, FakeTokenizer
from tests.server.service.harness import (
    failure_of,
    make_config,
    make_setup,
    manifest,
    read,
    running,
)

LINES = "It rained.\n - apples\n - pears  \n\n\tWhere is he?   Gone. "
SENTENCES = ["It rained.", "apples", "pears", "Where is he?", "Gone."]


class CharacterTokenizer:
    """Every code point is a token, so that nothing of a text is lost."""

    def encode(self, text: str) -> list[int]:
        return [*self.encode_target(text), END_ID]

    def encode_target(self, text: str) -> list[int]:
        return [ord(character) for character in text]

    def decode(self, token_ids: list[int]) -> str:
        return "".join(map(chr, token_ids))


def translator(
    engine: FakeEngine, *, targets: str = "de", tokens: int = 512, contents: int = 1024
) -> Translator:
    setup = make_setup(make_config(max_contents=contents), manifest(targets=targets))
    model = Model()
    model.CopyFrom(setup.model)
    model.limits.max_input_length = tokens
    return Translator(setup.manifest, model, CharacterTokenizer(), engine)  # type: ignore[arg-type]


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.echo = True
    return engine


async def translate(
    engine: FakeEngine,
    *contents: str,
    segmentation: Segmentation.ValueType = SEGMENTATION_AUTO,
    targets: str = "de",
    tokens: int = 512,
    **options: object,
) -> list[Translation]:
    request = TranslateTextRequest(
        contents=contents,
        segmentation=segmentation,
        options=DecodingOptions(**options),  # type: ignore[arg-type]
    )
    return await translator(engine, targets=targets, tokens=tokens).translate_texts(request)


def asked(engine: FakeEngine) -> list[str]:
    decode = CharacterTokenizer().decode
    return [decode(text.source_ids[:-1]) for text in engine.texts]


async def test_lines_are_split_and_all_between_sentences_is_restored(engine: FakeEngine) -> None:
    (translation,) = await translate(engine, LINES)
    assert asked(engine) == SENTENCES
    assert translation.translated_text == LINES
    for segment, sentence in zip(translation.segments, SENTENCES, strict=True):
        assert LINES[segment.source_begin : segment.source_end] == sentence
        assert LINES[segment.target_begin : segment.target_end] == sentence
        assert segment.source_token_count == len(sentence) + 1
        assert segment.target_token_count == len(sentence)
        assert (segment.finish_reason, segment.score) == (FINISH_REASON_STOP, -0.5)
    assert translation.source_token_count == sum(len(each) + 1 for each in SENTENCES)
    assert translation.target_token_count == sum(map(len, SENTENCES))
    assert not translation.warnings


@pytest.mark.parametrize(
    "text", ["Hi. Bye. Yes.", " Oh no! \n", "One sentence of more than sixteen tokens", "***", "😀"]
)
async def test_what_a_model_is_good_at_is_translated_as_it_is(
    engine: FakeEngine, text: str
) -> None:
    (translation,) = await translate(engine, text)
    assert asked(engine) == [text]
    assert not translation.segments


@pytest.mark.parametrize("marker", ["- ", "  * ", "•\t", "a) ", "– ", "> "])
async def test_what_begins_an_item_is_not_what_a_model_is_given(
    engine: FakeEngine, marker: str
) -> None:
    (translation,) = await translate(engine, f"{marker}Hi. Bye. ")
    assert asked(engine) == ["Hi.", "Bye."]
    assert translation.translated_text == f"{marker}Hi. Bye. "


async def test_an_ordinal_that_begins_a_sentence_is_of_it(engine: FakeEngine) -> None:
    await translate(engine, "3. Oktober")
    assert asked(engine) == ["3. Oktober"]


async def test_longer_texts_of_several_sentences_are_split(engine: FakeEngine) -> None:
    await translate(engine, "How do you do? Fine, thank you.")
    assert asked(engine) == ["How do you do?", "Fine, thank you."]


async def test_a_text_is_split_or_not_where_a_request_says_so(engine: FakeEngine) -> None:
    await translate(engine, " Hi. Bye.", segmentation=SEGMENTATION_SENTENCES)
    await translate(engine, LINES, segmentation=SEGMENTATION_NONE)
    assert asked(engine) == ["Hi.", "Bye.", LINES]


async def test_a_text_that_is_not_to_be_split_may_be_too_long(engine: FakeEngine) -> None:
    with pytest.raises(InvalidArgumentError, match="513 source tokens; allowed: at most 512"):
        await translate(engine, "b" * 512, segmentation=SEGMENTATION_NONE)


async def test_texts_of_a_request_are_split_each_for_itself(engine: FakeEngine) -> None:
    contents = ["Hi.", LINES, "", "Ho.", "a\nb"]
    translations = await translate(engine, *contents)
    assert [each.translated_text for each in translations] == contents
    assert [len(each.segments) for each in translations] == [0, 5, 0, 0, 2]


@pytest.mark.parametrize("text", ["", " ", "\n\t\n"])
async def test_white_space_is_an_empty_text_however_it_is_split(
    engine: FakeEngine, text: str
) -> None:
    for segmentation in (SEGMENTATION_AUTO, SEGMENTATION_SENTENCES, SEGMENTATION_NONE):
        (translation,) = await translate(engine, text, segmentation=segmentation)
        assert translation.translated_text == ""
    assert not engine.texts


@pytest.mark.parametrize("text", ["***\n---", "😀", "...\n", "👍🏽\n\n 👩‍👩‍👧"])
async def test_what_has_no_words_is_kept_and_costs_nothing(engine: FakeEngine, text: str) -> None:
    (translation,) = await translate(engine, text, segmentation=SEGMENTATION_SENTENCES)
    assert translation.translated_text == text
    assert translation.finish_reason == FINISH_REASON_STOP
    assert not engine.texts
    assert not translation.segments
    assert not translation.HasField("score")


async def test_a_sentence_that_is_too_long_is_cut_at_clauses_and_says_so(
    engine: FakeEngine,
) -> None:
    text = "Short. " + ", ".join(["and then they all went home"] * 30) + "."
    (translation,) = await translate(engine, text)
    assert translation.translated_text == text
    (warning,) = translation.warnings
    assert warning.reason == "SENTENCE_SPLIT"
    assert warning.message == "1 sentence has more than 512 source tokens: translated in parts"
    short, *parts = asked(engine)
    assert short == "Short."
    assert all(part.endswith((",", ".")) and len(part) <= 64 for part in parts)
    assert " ".join(parts) == text.removeprefix("Short. ")


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("word " * 2000 + "end", "de"),
        ("x" * 3000, "de"),
        ("字" * 3000, "ja"),
        ("e\u0301" * 1500, "de"),
    ],
)
async def test_nothing_of_a_text_is_lost_whatever_it_is(
    engine: FakeEngine, text: str, targets: str
) -> None:
    (translation,) = await translate(engine, text, targets=targets)
    assert translation.translated_text == text
    assert all(len(part.source_ids) <= 512 for part in engine.texts)
    assert len(translation.warnings) == 1


async def test_parts_of_a_sentence_have_no_space_between_them_in_japanese(
    engine: FakeEngine,
) -> None:
    text = "word " * 2000 + "end"
    (translation,) = await translate(engine, text, targets="ja")
    parts = [text[each.source_begin : each.source_end] for each in translation.segments]
    assert len(parts) > 100
    assert " ".join(parts) == text
    assert translation.translated_text == "".join(parts)


async def test_ten_thousand_words_are_translated(engine: FakeEngine) -> None:
    text = "\n\n".join([" ".join(["The old man was there."] * 20)] * 60)
    (translation,) = await translate(engine, text)
    assert translation.translated_text == text
    assert len(engine.texts) == len(translation.segments) == 1200
    assert len(text.split()) == 6000  # as many as fit in 30,000 code points


async def test_a_character_of_too_many_tokens_is_told(engine: FakeEngine) -> None:
    with pytest.raises(InvalidArgumentError, match=r"contents\[0\] has 2 source tokens; .* 1"):
        await translate(engine, "ab\ncd", tokens=1)


async def test_wrapped_lines_of_a_sentence_become_one(engine: FakeEngine) -> None:
    text = "The rain fell in torrents, except at some\nintervals, when it was checked."
    (translation,) = await translate(engine, text)
    assert translation.translated_text == text.replace("\n", " ")
    assert asked(engine) == [text.replace("\n", " ")]
    assert translation.segments[0].source_end == len(text)


async def test_sentences_of_chinese_get_spaces_in_other_languages(engine: FakeEngine) -> None:
    text = "天气很好。我们走吧！\n再见。"
    for targets, expected in (("de", "天气很好。 我们走吧！\n再见。"), ("ja", text)):
        (translation,) = await translate(
            engine, text, segmentation=SEGMENTATION_SENTENCES, targets=targets
        )
        assert translation.translated_text == expected
        begins = [segment.target_begin for segment in translation.segments]
        assert begins == [expected.index(each) for each in "天我再"]


async def test_sentences_have_no_spaces_between_them_in_chinese(engine: FakeEngine) -> None:
    text = "How do you do? Fine, thank you.\n Yes."
    (translation,) = await translate(engine, text, targets="zho_Hans")
    assert translation.translated_text == "How do you do?Fine, thank you.\n Yes."


async def test_sentences_are_drawn_by_themselves_and_begin_as_asked(engine: FakeEngine) -> None:
    await translate(
        engine,
        "a",
        "b\nc\nd",
        seed=7,
        sampling_topk=2,
        target_prefix="ab",
        max_length_factor=2.0,
        min_decoding_length=1,
    )
    first, *pieces = (text.options for text in engine.texts)
    step = 0x9E3779B97F4A7C15
    assert first.seed == 7
    assert [piece.seed for piece in pieces] == [8, 8 + step, (8 + 2 * step) % 2**64]
    prefix = tuple(map(ord, "ab"))
    assert [piece.target_prefix for piece in pieces] == [prefix, (), ()]
    assert {(piece.max_decoding_length, piece.min_decoding_length) for piece in pieces} == {(4, 1)}


async def test_what_a_model_begins_with_begins_every_sentence(engine: FakeEngine) -> None:
    contents = manifest()
    contents.target_languages[0].target_prefix_ids.append(77)
    model = make_setup(make_config(), contents).model
    one = Translator(contents, model, CharacterTokenizer(), engine)  # type: ignore[arg-type]
    engine.echo = False
    options = DecodingOptions(target_prefix="x")
    call = asyncio.ensure_future(
        one.translate_texts(TranslateTextRequest(contents=["a\nb"], options=options))
    )
    first, second = await engine.has_texts(2)
    assert first.options.target_prefix == (77, ord("x"))
    assert second.options.target_prefix == (77,)
    first.future.set_result(Completion([77, ord("x"), 65], FinishReason.STOP, -1.0))
    second.future.set_result(Completion([77, 66], FinishReason.STOP, -0.25))
    (translation,) = await call
    assert translation.translated_text == "xA\nB"
    assert translation.target_token_count == 3
    # The model's own token counts in a score's length, what was asked for does not.
    assert translation.score == pytest.approx((-1.0 * 3 - 0.25 * 3) / 6)


async def completed(
    engine: FakeEngine, *each: Completion, beam_size: int = 1, length_penalty: float = 1.0
) -> Translation:
    """The translation of a text of as many lines, of which this becomes."""
    engine.echo = False
    options = DecodingOptions(
        beam_size=beam_size, num_hypotheses=beam_size, length_penalty=length_penalty
    )
    lines = "\n".join("abcdefgh"[: len(each)])
    call = asyncio.ensure_future(
        translator(engine).translate_texts(TranslateTextRequest(contents=[lines], options=options))
    )
    for text, completion in zip(await engine.has_texts(len(each)), each, strict=True):
        text.future.set_result(completion)
    return (await call)[0]


async def test_a_score_is_that_of_all_tokens_together(engine: FakeEngine) -> None:
    translation = await completed(
        engine,
        Completion([65], FinishReason.STOP, -1.0, [-1.5, -0.5]),
        Completion([66, 67], FinishReason.LENGTH, -0.25, [-0.25, -0.25]),
    )
    assert translation.score == pytest.approx((-1.0 * 2 - 0.25 * 2) / 4)
    assert translation.finish_reason == FINISH_REASON_LENGTH
    assert list(translation.token_scores) == [-1.5, -0.5, -0.25, -0.25]
    assert [segment.finish_reason for segment in translation.segments] == [
        FINISH_REASON_STOP,
        FINISH_REASON_LENGTH,
    ]


async def test_there_is_no_score_where_none_was_asked_for(engine: FakeEngine) -> None:
    (translation,) = await translate(engine, LINES, return_scores=False)
    assert not translation.HasField("score")
    assert not any(segment.HasField("score") for segment in translation.segments)


async def test_hypotheses_are_put_together_rank_by_rank(engine: FakeEngine) -> None:
    def hypothesis(character: str, score: float) -> Hypothesis:
        return Hypothesis([ord(character)], FinishReason.STOP, score)

    first = hypothesis("A", -1.0), hypothesis("B", -2.0)
    second = (hypothesis("X", -0.5),)
    translation = await completed(
        engine,
        Completion(*first[0], hypotheses=first),
        Completion(*second[0], hypotheses=second),
        beam_size=2,
        length_penalty=2.0,
    )
    assert [each.translated_text for each in translation.hypotheses] == ["A\nX", "B\nX"]
    # Each has two tokens: log-probabilities are scores times 4, and over 16 together.
    scores = [each.score for each in translation.hypotheses]
    assert scores == pytest.approx([(-1.0 - 0.5) * 4 / 16, (-2.0 - 0.5) * 4 / 16])
    assert translation.score == pytest.approx(scores[0])
    assert translation.translated_text == "A\nX"


async def test_pieces_are_with_the_engines_a_window_at_a_time(engine: FakeEngine) -> None:
    engine.echo = False
    lines = "\n".join("abcdefghij")
    call = asyncio.ensure_future(
        translator(engine, contents=4).translate_texts(TranslateTextRequest(contents=[lines]))
    )
    texts = await engine.has_texts(4)
    await asyncio.sleep(0)
    assert len(texts) == 4
    for known in (6, 8, 10):
        for text in texts[known - 6 : known - 4]:
            text.finish()
        assert len(await engine.has_texts(known)) == known
    for text in texts[6:]:
        text.finish()
    (translation,) = await call
    assert translation.translated_text == lines


async def test_a_window_waits_for_room_beside_the_calls_own(engine: FakeEngine) -> None:
    engine.echo = False
    lines = "\n".join("abcdefgh")
    one = translator(engine, contents=4)
    call = asyncio.ensure_future(one.translate_texts(TranslateTextRequest(contents=[lines])))
    texts = await engine.has_texts(4)
    assert one.is_preparing
    engine.room = 0
    for text in texts[:2]:
        text.finish()
    await asyncio.sleep(0.01)
    engine.room = 100
    texts[2].finish()
    texts[3].fail(QueueFullError("as engines of another process say", retry_after_seconds=1))
    await engine.has_texts(6)
    assert asked(engine)[4:6] == ["c", "d"]
    engine.echo = True
    for text in engine.texts[4:]:
        text.finish()
    (translation,) = await call
    assert translation.translated_text == lines
    assert not one.is_preparing


async def test_a_queue_without_any_room_refuses_a_long_text(engine: FakeEngine) -> None:
    engine.room = 1
    lines = "\n".join("abcdefgh")
    one = translator(engine, contents=4)
    with pytest.raises(QueueFullError):
        await one.translate_texts(TranslateTextRequest(contents=[lines]))
    assert not one.is_preparing


async def test_a_long_text_is_expected_to_be_many_pieces(engine: FakeEngine) -> None:
    seen: list[list[float]] = []

    def check_room(_: object, outline: Outline, *__: object) -> None:
        seen.append(list(outline.source_tokens))

    engine.check_room = check_room  # type: ignore[method-assign,assignment]
    one = translator(engine)
    await one.translate_texts(TranslateTextRequest(contents=["a" * 100]))
    for segmentation in (SEGMENTATION_AUTO, SEGMENTATION_NONE):
        request = TranslateTextRequest(contents=["b" * 30_000], segmentation=segmentation)
        one.check_room(None, None, 0, request)  # type: ignore[arg-type]
    pieces, whole = seen
    assert len(whole) == 1
    assert sum(pieces) == pytest.approx(whole[0], rel=0.2)
    assert max(pieces) <= 64


async def test_cancelling_a_call_takes_all_pieces_back() -> None:
    async with running() as server:
        call = server.stub.TranslateText(TranslateTextRequest(contents=["a\nb\nc", "d"]))
        await server.engine.has_texts(4)
        call.cancel()
        await server.engine.all_cancelled()


async def test_a_stream_tells_the_beginning_of_the_whole_text() -> None:
    async with running() as server:
        call = server.stub.StreamTranslateText()
        request = StreamTranslateTextRequest(
            id="1", content=" a b c\n\n- d e\n- f g\n", partial_results=True
        )
        await call.write(request)
        first, second, third = await server.engine.has_texts(3)
        second.partial(1)
        first.partial(2)
        assert (await read(call)).partial_text == " a b"
        first.finish()
        third.partial(1)
        assert (await read(call)).partial_text == " a b c\n\n- d"
        second.finish()
        third.partial(2)
        assert (await read(call)).partial_text == " a b c\n\n- d e\n- f g"
        third.finish()
        translation = (await read(call)).translation
        assert translation.translated_text == request.content
        assert len(translation.segments) == 3
        call.cancel()


async def test_the_stream_and_a_call_say_the_same() -> None:
    async with running() as server:
        server.engine.echo = True
        stream = server.stub.StreamTranslateText()
        await stream.write(StreamTranslateTextRequest(id="1", content=LINES))
        streamed = (await read(stream)).translation
        response = await server.stub.TranslateText(TranslateTextRequest(contents=[LINES]))
        assert response.translations[0] == streamed
        assert len(streamed.segments) == 5
        stream.cancel()


async def test_an_unknown_segmentation_is_told() -> None:
    async with running() as server:
        request = TranslateTextRequest(contents=["a"], segmentation=9)  # type: ignore[arg-type]
        failure = await failure_of(server.stub.TranslateText(request))
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
        assert failure.fields == {"segmentation": "segmentation is 9; allowed: 0 to 3"}


SCRIPTS = """
    apples Zürich naïve 3.5 1,000 U.S. www.Example.Com C++ “quoted” (so) don't %s <b> a/b
    Привет мир नमस्ते مرحبا שלום ไทย 你好。 今天天气很好！ こんにちは。 e\u0301 x\u200dy
    👍🏽 😀 🇩🇪 — …
"""
WORDS = [*SCRIPTS.split(), "Mr. Smith"]
ENDS = [
    *(". ", "! ", "? ", "…", ".” ", " ", "\t"),
    *(".\n", "\n", "\r\n", "\n\n", ".\n\n\t", "\n  - ", "\n1. "),
]


def paragraph(generator: random.Random) -> str:
    parts = [generator.choice(["", " ", "\n", "\t", "* ", "> "])]
    for _ in range(generator.randrange(1, 12)):
        words = generator.choices(WORDS, k=generator.randrange(1, 9))
        parts.append(generator.choice([" ", " ", " ", "  "]).join(words) + generator.choice(ENDS))
    return "".join(parts)


async def test_500_paragraphs_are_restored_to_the_byte(engine: FakeEngine) -> None:
    generator = random.Random(19)
    texts = [paragraph(generator) for _ in range(500)]
    one = translator(engine, targets="ja")
    sentences = 0
    for begin in range(0, len(texts), 50):
        batch = texts[begin : begin + 50]
        request = TranslateTextRequest(contents=batch, segmentation=SEGMENTATION_SENTENCES)
        for text, translation in zip(batch, await one.translate_texts(request), strict=True):
            check_restored(text, translation)
            sentences += len(translation.segments)
    assert len(engine.texts) == sentences > 2000


def check_restored(text: str, translation: Translation) -> None:
    """All outside the sentences is there to the byte, and every word is in a sentence, in order."""
    end = target_end = 0
    translated = translation.translated_text
    for index, segment in enumerate(translation.segments):
        between = text[end : segment.source_begin]
        target_between = translated[target_end : segment.target_begin]
        assert target_between == between or (index and (between, target_between) == (" ", ""))
        check_no_words(between)
        source = text[segment.source_begin : segment.source_end]
        target = translated[segment.target_begin : segment.target_end]
        assert target == source.replace("\n", " ").replace("\r", " ") != ""
        end, target_end = segment.source_end, segment.target_end
    check_no_words(text[end:])
    assert translated[target_end:] == text[end:]


def check_no_words(between: str) -> None:
    """What is not translated: white space, marks, emoji, and numbers that list markers are."""
    assert not any(map(str.isalpha, between))
    assert set(filter(str.isalnum, between)) <= {"1"}
    assert "1" not in between or "1. " in between


async def test_words_of_texts_come_back_whatever_the_tokenizer_does_with_spaces() -> None:
    engine = FakeEngine()
    engine.echo = True
    setup = make_setup(make_config())
    one = Translator(setup.manifest, setup.model, FakeTokenizer(), engine)
    generator = random.Random(20)
    for _ in range(50):
        text = paragraph(generator)
        (translation,) = await one.translate_texts(TranslateTextRequest(contents=[text]))
        assert "".join(translation.translated_text.split()) == "".join(text.split())
