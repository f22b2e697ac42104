"""Translations that a guard looks at: what is wrong is told, or translated once more before.

Words are tokens, so what an engine says is what the test has it say.
"""

import asyncio
import time
from collections.abc import Sequence

import numpy as np
import pytest

from dragoman.v1.bundle_pb2 import AlignmentHeads, Manifest
from dragoman.v1.translation_pb2 import (
    GUARD_OFF,
    GUARD_RETRY,
    GUARD_WARN,
    SEGMENTATION_SENTENCES,
    DecodingOptions,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.engine import NO_LIMIT, TimeLimit
from dragoman_server.errors import DeadlineError, InvalidArgumentError, QueueFullError
from dragoman_server.sequence import Attention, Completion, FinishReason, Hypothesis
from dragoman_server.service.account import Usage
from dragoman_server.service.translator import Translator
from tests.server.service.fakes import FakeEngine, FakeText, FakeTokenizer
from tests.server.service.harness import Running, make_config, make_setup, manifest

SOURCE = "the old bridge over the large river was closed last week"
GOOD = "die alte Bruecke ist seit letzter Woche zu und bleibt es"
LOOPING = "die alte Bruecke die alte Bruecke die alte Bruecke die alte Bruecke"
SHORT = "zu"
REPETITION = "'die alte Bruecke' is said 4 times in a row"


class Bench:
    """A translator around a FakeEngine, whose tokenizer the test shares."""

    def __init__(self, contents: Manifest | None = None) -> None:
        contents = contents or manifest()
        contents.decoding_defaults.max_decoding_length = 0
        setup = make_setup(make_config(), contents)
        setup.model.limits.max_input_length = setup.model.limits.max_decoding_length = 100
        self.engine = FakeEngine()
        self.tokenizer = FakeTokenizer()
        self.translator = Translator(setup.manifest, setup.model, self.tokenizer, self.engine)

    def begin(
        self,
        *contents: str,
        limit: TimeLimit = NO_LIMIT,
        usage: Usage | None = None,
        **fields: object,
    ) -> "asyncio.Task[list[Translation]]":
        fields = {"guard": GUARD_RETRY} | fields
        request = TranslateTextRequest(contents=contents, **fields)  # type: ignore[arg-type]
        call = self.translator.translate_texts(request, limit, usage=usage)
        return asyncio.ensure_future(call)

    async def nth(self, number: int) -> FakeText:
        return (await self.engine.has_texts(number + 1))[number]

    def say(
        self, text: FakeText, *said: str, attention: Attention | None = None, scores: bool = False
    ) -> None:
        """Ends a text with hypotheses, the best first."""
        hypotheses = tuple(
            Hypothesis(ids, FinishReason.STOP, -0.5 - rank, [-0.1] * len(ids) if scores else None)
            for rank, ids in enumerate(map(self.tokenizer.encode_target, said))
        )
        best = hypotheses[0]
        text.future.set_result(
            Completion(
                best.token_ids,
                FinishReason.STOP,
                best.score,
                best.token_scores,
                hypotheses if text.options.num_hypotheses > 1 else (),
                attention=attention,
            )
        )

    def aligned(self, target: str, *places: int, source: str = SOURCE) -> Attention:
        """Each word of the target comes from the word of the source at a place."""
        weights = np.zeros((len(target.split()), len(source.split()) + 1), np.float32)
        for word, place in enumerate(places):
            weights[word, place] = 1.0
        return Attention(weights)


def reasons(translation: Translation) -> list[str]:
    return [warning.reason for warning in translation.warnings]


@pytest.mark.parametrize("guard", [0, GUARD_OFF, GUARD_WARN])
async def test_what_is_wrong_is_told_where_that_is_asked_for(guard: int) -> None:
    bench = Bench()
    call = bench.begin(SOURCE, guard=guard)
    bench.say(await bench.nth(0), LOOPING)
    (translation,) = await call
    assert translation.translated_text == LOOPING
    assert len(bench.engine.texts) == 1
    told = [(each.reason, each.message) for each in translation.warnings]
    assert told == ([("REPETITION", REPETITION)] if guard == GUARD_WARN else [])


async def test_a_good_translation_is_not_made_again() -> None:
    bench = Bench()
    call = bench.begin(SOURCE)
    bench.say(await bench.nth(0), GOOD)
    (translation,) = await call
    assert (translation.translated_text, reasons(translation)) == (GOOD, [])
    assert len(bench.engine.texts) == 1


async def test_the_first_hypothesis_without_a_fault_is_taken_and_no_other_is_told() -> None:
    bench, usage = Bench(), Usage()
    call = bench.begin(SOURCE, options=DecodingOptions(length_penalty=0.5), usage=usage)
    bench.say(first := await bench.nth(0), SOURCE)
    again = await bench.nth(1)
    assert again.source_ids == first.source_ids
    assert again.options.beam_size == again.options.num_hypotheses == 4
    assert again.options.length_penalty == 1, "a score is as of greedy search"
    bench.say(again, SOURCE + " die", GOOD, GOOD + " so")
    (translation,) = await call
    assert (translation.translated_text, reasons(translation)) == (GOOD, [])
    assert translation.score == -1.5
    assert not translation.hypotheses
    assert translation.target_token_count == len(GOOD.split())
    assert usage.rows == 5
    assert usage.target_tokens == len(SOURCE.split()) + len(SOURCE.split()) + 1


@pytest.mark.parametrize("beam_size", [1, 3])
async def test_against_repetition_what_was_said_is_not_said_again(beam_size: int) -> None:
    bench = Bench()
    call = bench.begin(SOURCE, options=DecodingOptions(beam_size=beam_size))
    bench.say(await bench.nth(0), LOOPING)
    again = await bench.nth(1)
    assert again.options.beam_size == again.options.num_hypotheses == beam_size
    assert again.options.no_repeat_ngram_size == 3
    assert again.options.max_decoding_length == 60, "as long as is plausible"
    bench.say(again, GOOD)
    (translation,) = await call
    assert (translation.translated_text, reasons(translation)) == (GOOD, [])
    assert not translation.hypotheses


async def test_as_many_hypotheses_are_told_as_were_asked_for() -> None:
    bench = Bench()
    options = DecodingOptions(beam_size=2, num_hypotheses=2, return_token_scores=True)
    call = bench.begin(SOURCE, options=options)
    bench.say(await bench.nth(0), SOURCE, GOOD, scores=True)
    again = await bench.nth(1)
    assert again.options.beam_size == 4
    bench.say(again, SOURCE + " a", GOOD, GOOD + " so", "b", scores=True)
    (translation,) = await call
    assert [each.translated_text for each in translation.hypotheses] == [GOOD, SOURCE + " a"]
    assert translation.translated_text == GOOD
    assert len(translation.token_scores) == translation.target_token_count


@pytest.mark.parametrize("said", [LOOPING, SHORT])
async def test_what_is_no_better_is_dropped_and_the_first_is_told_of(said: str) -> None:
    bench = Bench()
    source = f"{SOURCE} and " * 3
    call = bench.begin(source)
    bench.say(await bench.nth(0), SHORT)
    again = await bench.nth(1)
    assert again.options.min_decoding_length == 17, "33 tokens less two deviations"
    bench.say(again, said)
    (translation,) = await call
    assert translation.translated_text == SHORT
    assert reasons(translation) == ["LENGTH_RATIO"]


async def test_a_better_translation_with_a_lighter_fault_is_taken_and_told_of() -> None:
    bench = Bench()
    call = bench.begin(f"{SOURCE} and " * 3)
    bench.say(await bench.nth(0), LOOPING)
    bench.say(await bench.nth(1), SHORT)
    (translation,) = await call
    assert (translation.translated_text, reasons(translation)) == (SHORT, ["LENGTH_RATIO"])


@pytest.mark.parametrize(
    "error", [DeadlineError("late"), QueueFullError("full", retry_after_seconds=1)]
)
async def test_without_time_or_room_the_first_stays_and_is_told_of(error: Exception) -> None:
    bench = Bench()
    call = bench.begin(SOURCE)
    bench.say(await bench.nth(0), LOOPING)
    (await bench.nth(1)).fail(error)
    (translation,) = await call
    assert (translation.translated_text, reasons(translation)) == (LOOPING, ["REPETITION"])
    assert not bench.translator.is_preparing


async def test_a_second_attempt_that_would_be_late_is_taken_back() -> None:
    bench = Bench()
    due = time.monotonic() - 1
    call = bench.begin(SOURCE, limit=TimeLimit(due, due))
    bench.say(await bench.nth(0), LOOPING)
    again = await bench.nth(1)
    (translation,) = await call
    assert again.future.cancelled()
    assert reasons(translation) == ["REPETITION"]


async def test_each_sentence_is_looked_at_and_told_by_its_number() -> None:
    bench = Bench()
    sentences = ["The old bridge is closed.", "It was open before.", "Nobody knows why it is."]
    call = bench.begin(" ".join(sentences), segmentation=SEGMENTATION_SENTENCES, guard=GUARD_WARN)
    texts = await bench.engine.has_texts(3)
    for text, said in zip(texts, ("Ja.", sentences[1], sentences[2]), strict=True):
        bench.say(text, said)
    (translation,) = await call
    (warning,) = translation.warnings
    assert warning.reason == "SOURCE_ECHOED"
    assert warning.message == (
        "sentence 2 of 3: the translation is the source again, or nearly; 1 more like it"
    )


async def test_texts_beside_each_other_have_their_own_warnings() -> None:
    bench = Bench()
    call = bench.begin(SOURCE, " ", SOURCE, guard=GUARD_WARN)
    first, second = await bench.engine.has_texts(2)
    bench.say(first, GOOD)
    bench.say(second, LOOPING)
    translations = await call
    assert list(map(reasons, translations)) == [[], [], ["REPETITION"]]


async def test_what_must_be_said_and_what_is_wrong_are_mended_together() -> None:
    bench = Bench()
    call = bench.begin("open {name} and close the door", protect_placeholders=True)
    first = await bench.nth(0)
    bench.say(first, LOOPING)
    again = await bench.nth(1)
    assert len(again.options.required_sequences) == 1
    assert again.options.no_repeat_ngram_size == 3
    name = bench.tokenizer.decode(again.options.required_sequences[0].alternatives[0])
    bench.say(again, LOOPING + " " + name, f"mach {name} auf und die Tuer zu", "mach es auf")
    (translation,) = await call
    assert translation.translated_text == "mach {name} auf und die Tuer zu"
    assert len(bench.engine.texts) == 2
    assert not translation.warnings


async def test_what_is_drawn_is_drawn_again() -> None:
    bench = Bench()
    call = bench.begin(SOURCE, options=DecodingOptions(sampling_topk=5, seed=7))
    bench.say(await bench.nth(0), LOOPING)
    again = await bench.nth(1)
    assert (again.options.sampling_topk, again.options.beam_size) == (5, 1)
    assert again.options.seed not in {None, 7}
    bench.say(again, GOOD)
    assert (await call)[0].translated_text == GOOD


def aligning() -> Manifest:
    contents = manifest()
    contents.attention.path = "attention.onnx"
    contents.alignment_heads.CopyFrom(AlignmentHeads(layer=0, heads=[0]))
    contents.calibration.length_ratio.deviation = 0.2
    return contents


LOST = "die alte Bruecke und der"


async def test_a_short_translation_is_aligned_and_what_is_lost_is_told() -> None:
    bench = Bench(aligning())
    call = bench.begin(SOURCE, guard=GUARD_WARN)
    bench.say(await bench.nth(0), LOST)
    same = await bench.nth(1)
    said = bench.tokenizer.encode_target(LOST)
    assert same.options.target_prefix == tuple(said)
    assert same.options.max_decoding_length == len(said)
    assert same.options.return_alignment
    bench.say(same, LOST, attention=bench.aligned(LOST, 0, 1, 2, 3, 4))
    (translation,) = await call
    (warning,) = translation.warnings
    assert warning.reason == "SOURCE_NOT_COVERED"
    assert warning.message == (
        "nothing in the translation stands for 'large river was closed last week'"
    )
    assert not translation.alignment, "it was not asked for"
    assert translation.score == -0.5


async def test_what_covers_its_source_is_no_fault_however_short() -> None:
    bench = Bench(aligning())
    call = bench.begin(SOURCE)
    bench.say(await bench.nth(0), LOST)
    bench.say(await bench.nth(1), LOST, attention=bench.aligned(LOST, 0, 3, 6, 8, 10))
    assert not (await call)[0].warnings
    assert len(bench.engine.texts) == 2


async def test_what_is_lost_is_asked_for_once_more_by_its_length() -> None:
    bench = Bench(aligning())
    call = bench.begin(SOURCE, options=DecodingOptions(beam_size=2), return_alignment=True)
    attention = bench.aligned(LOST, 0, 1, 2, 3, 4)
    bench.say(await bench.nth(0), LOST, attention=attention)
    again = await bench.nth(1)
    assert again.options.min_decoding_length == 8
    assert again.options.return_alignment
    looping = "x " * 11
    bench.say(again, looping, GOOD, attention=bench.aligned(looping))
    same = await bench.nth(2)
    assert same.options.target_prefix == tuple(bench.tokenizer.encode_target(GOOD))
    bench.say(same, GOOD, attention=bench.aligned(GOOD, *range(11)))
    (translation,) = await call
    assert translation.translated_text == GOOD
    assert not translation.warnings
    assert len(translation.alignment) == len(GOOD.split()), "of what is answered"


async def test_a_text_of_a_stream_has_a_guard_too() -> None:
    bench = Bench()
    request = StreamTranslateTextRequest(id="1", content=SOURCE, guard=GUARD_WARN)
    call = asyncio.ensure_future(bench.translator.translate_text(request))
    bench.say(await bench.nth(0), SOURCE)
    assert reasons(await call) == ["SOURCE_ECHOED"]


@pytest.mark.parametrize(("sources", "targets"), [("mul", "de"), ("de-AT", "de-CH")])
async def test_a_text_may_stay_where_it_may_be_in_the_targets_language(
    sources: str, targets: str
) -> None:
    bench = Bench(manifest(sources, targets))
    call = bench.begin(SOURCE, guard=GUARD_WARN)
    bench.say(await bench.nth(0), SOURCE)
    assert not (await call)[0].warnings


@pytest.mark.parametrize(
    ("targets", "said", "expected"),
    [("de", "мост через реку закрыт", ["WRONG_SCRIPT"]), ("ru", "мост через реку закрыт", [])],
)
async def test_letters_are_those_of_the_targets_language(
    targets: str, said: str, expected: Sequence[str]
) -> None:
    bench = Bench(manifest("en", targets))
    call = bench.begin(SOURCE, guard=GUARD_WARN)
    bench.say(await bench.nth(0), said)
    assert reasons((await call)[0]) == expected


async def test_what_is_found_and_what_is_mended_is_counted(server: Running) -> None:
    for again in (GOOD, LOOPING):
        call = server.stub.TranslateText(
            TranslateTextRequest(contents=["a b c d e f g h"], guard=GUARD_RETRY)
        )
        count = len(server.engine.texts)
        first = (await server.engine.has_texts(count + 1))[count]
        ids = first.source_ids[:-1]
        looping = Completion(ids[:3] * 4, FinishReason.STOP, -1.0)
        first.future.set_result(looping)
        second = (await server.engine.has_texts(count + 2))[count + 1]
        second.future.set_result(
            looping if again == LOOPING else looping._replace(token_ids=ids[:3])
        )
        await call
    labels = {"reason": "REPETITION", "model": "tiny"}
    assert server.sample("dragoman_guard_faults_total", **labels) == 2
    assert server.sample("dragoman_guard_faults_mended_total", **labels) == 1


async def test_blocks_of_html_have_a_guard(server: Running) -> None:
    server.engine.echo = True
    request = TranslateTextRequest(
        contents=["<p>Haus</p><p>this is the <b>old</b> bridge</p>"],
        mime_type="text/html",
        guard=GUARD_WARN,
    )
    (translation,) = (await server.stub.TranslateText(request)).translations
    assert "SOURCE_ECHOED" in reasons(translation)


@pytest.mark.parametrize("number", [4, -1, 2**31 - 1])
async def test_an_unknown_number_is_told(number: int) -> None:
    with pytest.raises(InvalidArgumentError, match=f"guard is {number}; allowed: 0 to 3") as caught:
        await Bench().begin(SOURCE, guard=number)
    assert (caught.value.field, caught.value.reason) == ("guard", "OPTION_OUT_OF_RANGE")
