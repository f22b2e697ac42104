"""Sequences that must say something share a batch with others, and each is as if it were alone."""

import dataclasses
import random

import numpy as np
import pytest

from dragoman_server.sequence import Completion, FinishReason, RequiredSequence, Sequence
from dragoman_server.sequence import TranslationOptions as Options
from tests.server.engine.fakes import END_ID, VOCABULARY, log_normalizer, rambling
from tests.server.engine.stepped import Bench
from tests.server.search.test_options import check, sequences_with_options


def some_required(chance: random.Random, most: int = 3) -> tuple[RequiredSequence, ...]:
    def tokens() -> tuple[int, ...]:
        return tuple(chance.randrange(1, VOCABULARY) for _ in range(chance.choice([1, 2, 3])))

    return tuple(
        RequiredSequence(
            tuple(tokens() for _ in range(chance.choice([1, 1, 2]))),
            is_only=chance.random() < 0.3,
        )
        for _ in range(chance.randint(1, most))
    )


def sequences_that_must_say(seed: int, count: int) -> list[Sequence]:
    chance = random.Random(seed)
    found = []
    for each in sequences_with_options(seed, count):
        required = some_required(chance)
        room = sum(part.length for part in required) + len(each.options.target_prefix)
        options = dataclasses.replace(
            each.options,
            required_sequences=required,
            beam_size=max(3, each.options.beam_size),
            max_decoding_length=room + chance.choice([0, 1, 5, 20]),
            min_decoding_length=0,
            sampling_topk=1,
            sampling_topp=1.0,
            sampling_temperature=1.0,
        )
        found.append(Sequence(each.source_ids, options))
    return found


def times(said: list[int], tokens: tuple[int, ...]) -> int:
    return sum(tuple(said[start : start + len(tokens)]) == tokens for start in range(len(said)))


def has_said_all(completion: Completion, options: Options) -> bool:
    return all(
        any(times(completion.token_ids, tokens) for tokens in each.alternatives)
        for each in options.required_sequences
    )


def translate(each: Sequence, *, max_batch_size: int = 16, gives_wanted: bool = True) -> Completion:
    bench = Bench(max_batch_size=max_batch_size, model=rambling)
    bench.runner.gives_wanted = gives_wanted
    alone = Sequence(each.source_ids, each.options)
    bench.queue.put([alone])
    bench.run()
    return bench.completion(alone)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_is_said_and_neighbours_make_no_difference(seed: int) -> None:
    bench = Bench(max_batch_size=40, model=rambling)
    bound, free = sequences_that_must_say(seed, 25), sequences_with_options(seed + 10, 25)
    mixed = [*bound, *free]
    random.Random(seed).shuffle(mixed)
    bench.arrive_at_random(mixed, random.Random(seed))
    bench.run()
    for each in free:
        check(bench, each)
    for each in bound:
        completion = bench.completion(each)
        assert has_said_all(completion, each.options)
        assert len(completion.token_ids) <= each.options.max_decoding_length
        assert completion == translate(each)
    assert bench.engine.rows == 0


def test_all_is_said_where_the_graph_gives_candidates_alone() -> None:
    for each in sequences_that_must_say(4, 25):
        assert has_said_all(translate(each, gives_wanted=False), each.options)


def test_the_score_is_the_models_own_however_unlikely_the_tokens() -> None:
    source = [40, 3]
    target: list[int] = []
    worst = 1 + int(np.argmin(rambling(source, [])[1:]))  # 0 is the end
    options = Options(
        30, beam_size=4, required_sequences=(RequiredSequence(((worst, worst, worst),)),)
    )
    completion = translate(Sequence(source, options))
    assert times(completion.token_ids, (worst, worst, worst)) == 1
    total = 0.0
    for token in [*completion.token_ids, END_ID]:
        logits = rambling(source, target)
        total += float(logits[token] - log_normalizer(logits))
        target.append(token)
    assert completion.finish_reason is FinishReason.STOP
    assert completion.score == pytest.approx(total / len(target), rel=1e-5)


def test_a_wider_beam_finds_no_worse_translations_in_the_mean() -> None:
    scores = {}
    for beam in (3, 12):
        found = [
            translate(
                Sequence(
                    each.source_ids,
                    Options(30, beam_size=beam, required_sequences=each.options.required_sequences),
                )
            )
            for each in sequences_that_must_say(5, 30)
        ]
        scores[beam] = np.mean([each.score for each in found if each.score is not None])
    assert scores[12] > scores[3]


def test_what_is_likely_anyway_is_said_as_without_being_required() -> None:
    same: list[bool] = []
    for each in sequences_with_options(6, 40):
        free = translate(Sequence(each.source_ids, Options(30, beam_size=4)))
        if len(free.token_ids) < 2:
            continue
        required = (RequiredSequence((tuple(free.token_ids[1:3]),)),)
        options = Options(30, beam_size=4, required_sequences=required)
        bound = translate(Sequence(each.source_ids, options))
        assert has_said_all(bound, options)
        same.append(bound.token_ids == free.token_ids)
    assert sum(same) > 0.5 * len(same) > 10, (sum(same), len(same))


def test_a_required_token_may_be_one_that_other_options_forbid() -> None:
    options = Options(
        20,
        beam_size=3,
        no_repeat_ngram_size=1,
        suppress_sequences=((7,),),
        required_sequences=(RequiredSequence(((7,),)), RequiredSequence(((7,),))),
    )
    assert times(translate(Sequence([30], options)).token_ids, (7,)) >= 2


def test_what_must_be_said_once_alone_is() -> None:
    likely = int(np.argmax(rambling([30], [])))
    options = Options(
        20, 15, beam_size=4, required_sequences=(RequiredSequence(((likely,),), is_only=True),)
    )
    assert times(translate(Sequence([30], options)).token_ids, (likely,)) == 1


def test_a_prefix_may_have_said_it_already() -> None:
    options = Options(
        20,
        beam_size=3,
        target_prefix=(7, 8),
        required_sequences=(RequiredSequence(((7, 8),), is_only=True),),
    )
    assert times(translate(Sequence([30], options)).token_ids, (7, 8)) == 1


def test_cancelled_ones_ask_for_nothing_more() -> None:
    bench = Bench(max_batch_size=16, model=rambling)
    doomed = sequences_that_must_say(7, 3)
    bench.queue.put(doomed)
    bench.engine.step()
    bench.engine.step()
    assert len(bench.engine._search.wanted_ids)
    for each in doomed:
        bench.engine.cancel(each)
    bench.run()
    assert not len(bench.engine._search.wanted_ids)
