"""Counting differences between two decoders."""

from collections.abc import Sequence

import pytest

from dragoman_export.errors import VerificationError
from dragoman_export.model import Prompt
from dragoman_export.verification.hypothesis import Hypothesis
from dragoman_export.verification.verify import (
    Parity,
    compare,
    listen,
    measure,
    require_close,
    require_same,
    require_same_texts,
    require_same_tokens,
)


def hypothesis(*token_ids: int, log_prob: float = -1.0, margin: float = 1.0) -> Hypothesis:
    count = len(token_ids)
    return Hypothesis(list(token_ids), [log_prob] * count, [margin] * count)


def parity(expected: list[Hypothesis], found: list[Hypothesis]) -> Parity:
    return compare(expected, found, [hypothesis.log_probs for hypothesis in expected])


def test_equal_hypotheses_have_no_differences() -> None:
    equal = parity(
        [hypothesis(4, 5, 0), hypothesis(6, 0)],
        [hypothesis(4, 5, 0, log_prob=-1.0001), hypothesis(6, 0)],
    )

    assert (equal.sentence_count, equal.different_count, equal.token_count) == (2, 0, 5)
    assert equal.max_log_prob_difference == pytest.approx(1e-4)
    assert equal.mean_log_prob_difference == 0
    require_same(equal)


def test_a_difference_where_the_checkpoint_was_undecided_is_a_tie() -> None:
    tied = parity([hypothesis(4, 5, margin=5e-5)], [hypothesis(4, 6)])

    assert (tied.different_count, tied.tie_count) == (1, 1)
    require_same(tied)


def test_any_other_difference_is_refused() -> None:
    shorter = parity([hypothesis(4, 5, 0)], [hypothesis(4, 5)])
    assert (shorter.different_count, shorter.tie_count) == (1, 0)

    with pytest.raises(VerificationError, match="1 of 1 sentences differ"):
        require_same(parity([hypothesis(4, 5)], [hypothesis(4, 6)]))


@pytest.mark.parametrize("worst", [0.1, float("nan")])
def test_other_log_probabilities_are_refused(worst: float) -> None:
    with pytest.raises(VerificationError, match="log-probabilities differ"):
        require_same(Parity(1, 0, 0, 3, worst, 0.0))


def test_the_mean_difference_is_over_the_references_tokens() -> None:
    expected = [hypothesis(4, 0), hypothesis(5, 6, 0)]

    found = compare(expected, [hypothesis(9), hypothesis(5)], [[-1.5, -1.0], [-1.0, -0.0, -2.0]])

    assert found.token_count == 5
    assert found.mean_log_prob_difference == pytest.approx(2.5 / 5)


def test_quantised_graphs_must_stay_close() -> None:
    require_close(Parity(1, 1, 0, 3, 5.0, 0.1), "int8")
    for mean in (0.3, float("nan")):
        with pytest.raises(VerificationError, match=r"in the mean, 0\.2 is the most"):
            require_close(Parity(1, 1, 0, 3, 0.0, mean), "int8")


class Echo:
    """Says every source back and remembers how it was asked."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def decode(self, prompts: Sequence[Prompt], limit: int) -> list[Hypothesis]:
        self.batches.append([len(prompt.source_ids) for prompt in prompts])
        return [hypothesis(*prompt.source_ids[:limit]) for prompt in prompts]

    def score(
        self, prompts: Sequence[Prompt], targets: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        for prompt, target in zip(prompts, targets, strict=True):
            assert list(prompt.source_ids[:10]) == list(target)
        return [[-1.0] * len(target) for target in targets]


def test_no_batch_is_large() -> None:
    reference = Echo()

    fractions: list[float] = []

    listen(reference, [Prompt([1])] * 70, 1, fractions.append)

    assert [len(batch) for batch in reference.batches] == [32, 32, 6]
    assert fractions == [32 / 70, 64 / 70, 1]


def test_long_sentences_are_decoded_in_small_batches() -> None:
    reference, candidate = Echo(), Echo()
    prompts = [Prompt([length] * length) for length in (500, 2, 3, 500, 500)]

    fractions: list[float] = []
    said = listen(reference, prompts, 10, fractions.append)
    found = measure(candidate, said, 10, fractions.append)

    assert reference.batches == candidate.batches == [[2, 3], [500, 500], [500]]
    assert fractions == [5 / 1505, 1005 / 1505, 1] * 2
    assert (found.sentence_count, found.token_count) == (5, 35)
    assert (found.different_count, found.mean_log_prob_difference) == (0, 0)


class Letters:
    """A tokenizer whose ids are the letters of the alphabet, from `first` on."""

    def __init__(self, first: str = "a") -> None:
        self._first = ord(first)

    def decode(self, token_ids: Sequence[int]) -> str:
        return "".join(chr(self._first + token_id) for token_id in token_ids)


def test_the_same_tokens_pass() -> None:
    require_same_tokens("abc", [0, 1, 2], (0, 1, 2))
    require_same_texts(Letters(), Letters(), [[0, 1, 2], [1]])


def test_other_tokens_are_refused_with_the_text() -> None:
    with pytest.raises(VerificationError, match=r"'b' becomes the tokens \[0\], .* \[1\]"):
        require_same_tokens("b", [1], [0])


def test_other_texts_are_refused_with_the_tokens() -> None:
    with pytest.raises(VerificationError, match=r"the tokens \[1\] become 'c', .* 'b'"):
        require_same_texts(Letters(), Letters("b"), [[], [1], [2]])
