"""How sure translations are, on the wire: what the engine is asked, what comes back, what not."""

import math

import grpc
import pytest

from dragoman.v1.bundle_pb2 import Calibration, Feature, LengthRatio, Manifest, Regression
from dragoman.v1.translation_pb2 import (
    SEGMENTATION_SENTENCES,
    DecodingOptions,
    GlossaryConfig,
    GlossaryEntry,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.sequence import Completion, FinishReason, Hypothesis
from tests.server.service.fakes import FakeText
from tests.server.service.harness import Running, failure_of, manifest, read, running


def calibrated(*, forced: tuple[int, ...] = (), before: tuple[int, ...] = ()) -> Manifest:
    """A sentence is as sure as its tokens are in the mean, and a word as its own are together."""
    contents = manifest()
    regression = Regression(features=[Feature(name="log_odds", weight=1.0)])
    contents.calibration.CopyFrom(
        Calibration(length_ratio=LengthRatio(mean=0.0), sentence=regression, word=regression)
    )
    contents.target_languages[0].target_prefix_ids.extend(forced)
    contents.target_languages[0].source_prefix_ids.extend(before)
    return contents


def by_length(contents: Manifest, feature: str, weight: float = 1.0) -> Manifest:
    """A sentence is as sure as one of its lengths says."""
    contents.calibration.sentence.CopyFrom(
        Regression(features=[Feature(name=feature, weight=weight)])
    )
    return contents


def say(
    text: FakeText,
    *probabilities: float,
    tokens: list[int] | None = None,
    reason: FinishReason = FinishReason.STOP,
) -> None:
    """Ends a text with its own words, or other tokens, as likely as that; the end is the last."""
    scores = [math.log(each) for each in probabilities]
    completion = Completion(
        text.source_ids[:-1] if tokens is None else tokens, reason, None, token_scores=scores
    )
    text.future.set_result(completion)


def words(translation: Translation) -> list[tuple[str, float]]:
    return [
        (translation.translated_text[word.begin : word.end], round(word.confidence, 3))
        for word in translation.words
    ]


async def rated(server: Running, request: TranslateTextRequest, *said: float) -> Translation:
    """The translation of the request's only text, whose words are as likely as that."""
    request.return_confidence = True
    before = len(server.engine.texts)
    call = server.stub.TranslateText(request)
    texts = await server.engine.has_texts(before + 1)
    say(texts[before], *said)
    return (await call).translations[0]


async def test_nothing_is_asked_of_the_engine_where_nobody_asks() -> None:
    async with running(calibrated()) as server:
        server.engine.echo = True
        answer = await server.stub.TranslateText(TranslateTextRequest(contents=["a b"]))
        assert not server.engine.texts[0].options.return_token_scores
        assert not answer.translations[0].HasField("confidence")
        assert not answer.translations[0].words


async def test_a_text_is_as_sure_as_its_tokens_and_a_word_as_its_own() -> None:
    async with running(calibrated()) as server:
        translation = await rated(
            server, TranslateTextRequest(contents=["one, two"]), 0.5, 0.6, 0.7
        )
        assert server.engine.texts[0].options.return_token_scores
        assert translation.confidence == pytest.approx(0.6)  # the end's counts
        assert words(translation) == [("one", 0.5), (",", 0.5), ("two", 0.6)]
        assert not translation.token_scores  # which nobody asked for


async def test_token_scores_are_told_beside_where_they_are_asked_for() -> None:
    async with running(calibrated()) as server:
        options = DecodingOptions(return_token_scores=True)
        request = TranslateTextRequest(contents=["one two"], options=options)
        translation = await rated(server, request, 0.5, 0.6, 0.7)
        assert len(translation.token_scores) == 3
        assert translation.confidence == pytest.approx(0.6)


async def test_hypotheses_have_no_token_scores_that_nobody_asked_for() -> None:
    async with running(calibrated()) as server:
        options = DecodingOptions(beam_size=2, num_hypotheses=2)
        request = TranslateTextRequest(contents=["a"], options=options, return_confidence=True)
        call = server.stub.TranslateText(request)
        (text,) = await server.engine.has_texts(1)
        stop, tokens, scores = FinishReason.STOP, text.source_ids[:-1], [-1.0, -1.0]
        both = (Hypothesis(tokens, stop, -1.0, scores), Hypothesis(tokens, stop, -2.0, scores))
        text.future.set_result(Completion(tokens, stop, -1.0, scores, both))
        (translation,) = (await call).translations
        assert translation.confidence == pytest.approx(math.exp(-1))
        assert [list(each.token_scores) for each in translation.hypotheses] == [[], []]


async def test_each_sentence_of_a_text_is_as_sure_as_itself_and_the_text_as_their_tokens() -> None:
    async with running(calibrated()) as server:
        text = "\tone two three.\n\n four."
        request = TranslateTextRequest(contents=[text], return_confidence=True)
        call = server.stub.TranslateText(request)
        first, second = await server.engine.has_texts(2)
        say(second, 0.4, 0.4)
        say(first, 0.8, 0.8, 0.8, 0.8)
        (translation,) = (await call).translations
        assert translation.translated_text == text
        assert [each.confidence for each in translation.segments] == pytest.approx([0.8, 0.4])
        assert translation.confidence == pytest.approx((3 * 0.8 + 0.4) / 4)
        assert words(translation) == [
            *(("one", 0.8), ("two", 0.8), ("three", 0.8), (".", 0.8)),
            *(("four", 0.4), (".", 0.4)),
        ]


async def test_what_the_model_is_told_does_not_count() -> None:
    async with running(calibrated(forced=(0,), before=(0, 0))) as server:
        options = DecodingOptions(target_prefix="well")
        request = TranslateTextRequest(contents=["one"], options=options, return_confidence=True)
        call = server.stub.TranslateText(request)
        (text,) = await server.engine.has_texts(1)
        assert text.options.target_prefix[0] == 0
        tokens = [*text.options.target_prefix, text.source_ids[2]]
        say(text, 1.0, 1.0, 0.3, 0.7, tokens=tokens)
        (translation,) = (await call).translations
        assert translation.translated_text == "well one"
        assert translation.confidence == pytest.approx(0.5)
        assert words(translation) == [("one", 0.3)]


async def test_lengths_are_of_the_text_and_its_translation_alone() -> None:
    contents = by_length(calibrated(forced=(0,), before=(0, 0)), "log_length_ratio")
    async with running(contents) as server:
        request = TranslateTextRequest(contents=["one"], return_confidence=True)
        call = server.stub.TranslateText(request)
        (text,) = await server.engine.has_texts(1)
        token = text.source_ids[2]
        say(text, 1.0, *[0.5] * 4, tokens=[0, token, token, token])
        (translation,) = (await call).translations
        assert translation.confidence == pytest.approx(3 / 4)  # e to the log of 3 to 1


async def test_a_translation_that_was_cut_has_no_end_that_counts() -> None:
    async with running(calibrated()) as server:
        request = TranslateTextRequest(contents=["a b"], return_confidence=True)
        call = server.stub.TranslateText(request)
        (text,) = await server.engine.has_texts(1)
        say(text, 0.4, 0.6, 1.0, reason=FinishReason.LENGTH)  # as beams have it
        assert (await call).translations[0].confidence == pytest.approx(0.5)


async def test_where_the_model_chose_nothing_nothing_is_told() -> None:
    async with running(calibrated()) as server:
        server.engine.echo = True
        request = TranslateTextRequest(
            contents=["", " ", "{name}"], protect_placeholders=True, return_confidence=True
        )
        for translation in (await server.stub.TranslateText(request)).translations:
            assert not translation.HasField("confidence")
            assert not translation.words
        assert not server.engine.texts


async def test_what_was_put_in_is_no_word_and_others_are_where_they_are_then() -> None:
    async with running(calibrated()) as server:
        request = TranslateTextRequest(contents=["open {name} now"], protect_placeholders=True)
        translation = await rated(server, request, 0.5, 0.6, 0.7, 0.8)
        assert translation.translated_text == "open {name} now"
        assert words(translation) == [("open", 0.5), ("now", 0.7)]


async def test_terms_that_were_lost_and_put_in_are_no_words() -> None:
    async with running(calibrated()) as server:
        config = GlossaryConfig(entries=[GlossaryEntry(source_term="two", target_term="zwei")])
        request = TranslateTextRequest(
            contents=["one two three"], glossary_config=config, return_confidence=True
        )
        call = server.stub.TranslateText(request)
        (first,) = await server.engine.has_texts(1)
        one, _, three, _ = first.source_ids
        say(first, 0.5, 0.6, 0.7, tokens=[one, three])
        _, second = await server.engine.has_texts(2)
        assert second.options.return_token_scores
        say(second, 0.1, 0.1, 0.1, tokens=[one, three])  # no better
        (translation,) = (await call).translations
        assert translation.translated_text == "one zwei three"
        assert words(translation) == [("one", 0.5), ("three", 0.6)]


async def test_html_is_told_as_a_whole_without_its_words() -> None:
    async with running(calibrated()) as server:
        request = TranslateTextRequest(
            contents=["<p>one two three</p><p>four</p>"],
            mime_type="text/html",
            return_confidence=True,
        )
        call = server.stub.TranslateText(request)
        first, second = await server.engine.has_texts(2)
        say(first, 0.8, 0.8, 0.8, 0.8)
        say(second, 0.4, 0.4)
        (translation,) = (await call).translations
        assert translation.confidence == pytest.approx((3 * 0.8 + 0.4) / 4)
        assert not translation.words


async def test_texts_of_streams_are_told_too() -> None:
    async with running(calibrated()) as server:
        call = server.stub.StreamTranslateText()
        for identity in ("told", "plain"):
            await call.write(
                StreamTranslateTextRequest(
                    id=identity, content="a", return_confidence=identity == "told"
                )
            )
        told, plain = await server.engine.has_texts(2)
        say(told, 0.5, 0.5)
        assert (await read(call)).translation.confidence == pytest.approx(0.5)
        plain.finish()
        assert not (await read(call)).translation.HasField("confidence")
        await call.done_writing()


async def test_what_is_kept_is_told_as_it_was_and_only_who_asks_gets_it() -> None:
    async with running(calibrated(), cache_bytes=10_000) as server:
        request = TranslateTextRequest(contents=["a b"])
        first = await rated(server, request, 0.5, 0.6, 0.7)
        again = (await server.stub.TranslateText(request)).translations[0]
        assert again == first
        assert len(server.engine.texts) == 1
        server.engine.echo = True
        plain = await server.stub.TranslateText(TranslateTextRequest(contents=["a b"]))
        assert not plain.translations[0].HasField("confidence")
        assert len(server.engine.texts) == 2


@pytest.mark.parametrize("segmentation", [0, SEGMENTATION_SENTENCES])
async def test_a_model_that_is_not_calibrated_says_how_to(segmentation: int) -> None:
    async with running() as server:
        request = TranslateTextRequest(contents=["one"], return_confidence=True)
        request.segmentation = segmentation  # type: ignore[assignment]
        failure = await failure_of(server.stub.TranslateText(request))
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
        assert failure.reason == "NOT_CALIBRATED"
        assert (
            "allowed for model tiny: false until `dragoman calibrate`"
            in (failure.fields["return_confidence"])
        )
        assert not server.engine.texts
