"""Constraints against the logits processors of transformers, whose rules they are."""

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import LogitsProcessorList
from transformers.generation import (
    NoBadWordsLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
)

from dragoman_server.search.constraints import Constraints
from dragoman_server.sequence import TranslationOptions

START_ID, END_ID, VOCABULARY = 39, 0, 40

Processor = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def options_of(chance: random.Random) -> TranslationOptions:
    return TranslationOptions(
        99,
        repetition_penalty=chance.choice([1.0, 1.3, 4.0]),
        no_repeat_ngram_size=chance.choice([0, 1, 2, 3]),
        suppress_sequences=tuple(
            tuple(chance.randrange(1, 9) for _ in range(chance.choice([1, 2, 3])))
            for _ in range(chance.choice([0, 1, 9]))
        ),
    )


def theirs(options: TranslationOptions) -> Processor:
    processors = LogitsProcessorList()
    if options.repetition_penalty > 1:
        processors.append(RepetitionPenaltyLogitsProcessor(options.repetition_penalty))
    if options.no_repeat_ngram_size:
        processors.append(NoRepeatNGramLogitsProcessor(options.no_repeat_ngram_size))
    if options.suppress_sequences:
        bad_words = [list(sequence) for sequence in options.suppress_sequences]
        processors.append(NoBadWordsLogitsProcessor(bad_words, END_ID))
    found: Processor = processors
    return found


def ours(
    options: TranslationOptions, said: NDArray[np.int64], scores: NDArray[np.float32]
) -> NDArray[np.float32]:
    constraints = Constraints.of(options)
    result = scores.copy()
    if constraints is not None:
        constraints.lower(result, np.arange(VOCABULARY), said)
    return result


def some_text(chance: random.Random) -> NDArray[np.int64]:
    # few different tokens, so that much is repeated
    return np.array([START_ID, *(chance.randrange(1, 9) for _ in range(chance.randrange(30)))])


def some_scores(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=VOCABULARY).astype(np.float32)


@pytest.mark.parametrize("seed", range(200))
def test_scores_are_lowered_as_in_transformers(seed: int) -> None:
    chance = random.Random(seed)
    options, said, scores = options_of(chance), some_text(chance), some_scores(seed)
    expected = theirs(options)(torch.tensor(said[None]), torch.tensor(scores[None]))
    np.testing.assert_array_equal(ours(options, said, scores), expected[0].numpy())


@pytest.mark.parametrize("seed", range(100))
def test_no_more_tokens_are_lowered_than_the_reach(seed: int) -> None:
    chance = random.Random(seed)
    options, said, scores = options_of(chance), some_text(chance), some_scores(seed)
    changed = int((ours(options, said, scores) != scores).sum())
    constraints = Constraints.of(options)
    assert changed <= (constraints.reach(len(said)) if constraints else 0)


@pytest.mark.parametrize("seed", range(100))
@pytest.mark.parametrize("wanted", [1, 4, 8])
def test_the_best_after_are_among_the_best_before_and_the_reach(seed: int, wanted: int) -> None:
    chance = random.Random(seed)
    options, said, scores = options_of(chance), some_text(chance), some_scores(seed)
    constraints = Constraints(options)
    all_lowered = ours(options, said, scores)
    order = np.argsort(-scores, kind="stable")[: wanted + constraints.reach(len(said))]
    few = scores[order]
    constraints.lower(few, order, said)
    best_of_few = order[np.argsort(-few, kind="stable")[:wanted]]
    best_of_all = np.argsort(-all_lowered, kind="stable")[:wanted]
    assert best_of_few.tolist() == best_of_all.tolist()


def test_no_constraints_where_the_options_have_none() -> None:
    assert Constraints.of(TranslationOptions(99)) is None
