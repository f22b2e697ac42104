"""Sequences with all kinds of options share one batch, and each is as if it were alone."""

import random

import pytest

from dragoman_server.sequence import (
    EarlyStopping,
    FinishReason,
    Hypothesis,
    Sequence,
    TranslationOptions,
)
from tests.server.engine.fakes import END_ID, VOCABULARY, rambling
from tests.server.engine.stepped import Bench
from tests.server.search.reference import translate, translate_with_beam


def some_options(chance: random.Random) -> TranslationOptions:
    beam_size = chance.choice([1, 1, 2, 3, 4])
    longest = chance.choice([4, 12, 30])
    samples = beam_size == 1 and chance.random() < 0.5

    def token() -> int:
        return chance.randrange(1, VOCABULARY)

    return TranslationOptions(
        longest,
        chance.choice([0, 0, 2]),
        beam_size=beam_size,
        return_scores=chance.random() < 0.5,
        length_penalty=chance.choice([-0.5, 0.0, 0.6, 1.0, 2.0]),
        early_stopping=chance.choice(list(EarlyStopping)),
        num_hypotheses=chance.randint(1, beam_size),
        repetition_penalty=chance.choice([1.0, 1.0, 1.3, 5.0]),
        no_repeat_ngram_size=chance.choice([0, 0, 1, 2, 3]),
        suppress_sequences=tuple(
            tuple(token() for _ in range(chance.choice([1, 1, 2])))
            for _ in range(chance.choice([0, 0, 3, 20]))
        ),
        target_prefix=tuple(token() for _ in range(chance.choice([0, 0, 1, 4]))),
        sampling_topk=chance.choice([2, 5, 50]) if samples else 1,
        sampling_topp=chance.choice([0.3, 0.9, 1.0]) if samples else 1.0,
        sampling_temperature=chance.choice([0.5, 1.0, 3.0]) if samples else 1.0,
        seed=chance.randrange(2**64),
        return_token_scores=chance.random() < 0.3,
    )


def sequences_with_options(seed: int, count: int) -> list[Sequence]:
    chance = random.Random(seed)
    return [
        Sequence(
            [chance.randrange(1, 20), *(chance.randrange(50) for _ in range(chance.randrange(9)))],
            some_options(chance),
        )
        for _ in range(count)
    ]


def check(bench: Bench, each: Sequence) -> None:
    find = translate if each.rows == 1 else translate_with_beam
    expected = find(each.source_ids, each.options, rambling)
    found = bench.completion(each)
    same(Hypothesis(*found[:4]), Hypothesis(*expected[:4]))
    for ours, theirs in zip(found.hypotheses, expected.hypotheses, strict=True):
        same(ours, theirs)


def same(found: Hypothesis, expected: Hypothesis) -> None:
    assert found[:2] == expected[:2]
    assert (found.score is None) == (expected.score is None)
    assert (found.score or 0) == pytest.approx(expected.score or 0, rel=1e-5, abs=1e-6)
    assert (found.token_scores is None) == (expected.token_scores is None)
    scores = expected.token_scores or []
    assert (found.token_scores or []) == pytest.approx(scores, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("max_batch_size", [4, 9, 40])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_options_mix_freely_and_each_text_is_as_if_alone(max_batch_size: int, seed: int) -> None:
    bench = Bench(max_batch_size=max_batch_size, model=rambling)
    sequences = sequences_with_options(seed, 40)
    bench.arrive_at_random(sequences, random.Random(seed))
    bench.run()
    for each in sequences:
        check(bench, each)
    assert bench.engine.rows == 0


def test_a_cancelled_text_takes_its_options_with_it() -> None:
    bench = Bench(max_batch_size=16, model=rambling)
    doomed, others = sequences_with_options(4, 6), sequences_with_options(5, 6)
    for pair in zip(doomed, others, strict=True):
        bench.queue.put(pair)
        bench.engine.step()
        bench.engine.step()
        bench.engine.cancel(pair[0])
    bench.run()
    for each in others:
        check(bench, each)


def alone(source: list[int], options: TranslationOptions) -> Bench:
    bench = Bench(max_batch_size=8, model=rambling)
    bench.queue.put([Sequence(source, options)])
    bench.run()
    return bench


@pytest.mark.parametrize("beam_size", [1, 3])
def test_a_text_that_may_say_nothing_ends_and_says_that_its_end_is_missing(beam_size: int) -> None:
    everything = tuple((token,) for token in range(VOCABULARY) if token not in {END_ID, 7})
    bench = alone(
        [60],
        TranslationOptions(20, 3, beam_size, suppress_sequences=everything, no_repeat_ngram_size=1),
    )
    ((_, completion),) = bench.outcomes.items()
    assert isinstance(completion, tuple)
    assert completion[:2] == ([7], FinishReason.LENGTH)
