"""Counting differences between two decoders."""

from collections.abc import Sequence

import pytest

from dragoman_export.errors import VerificationError
from dragoman_export.hypothesis import Hypothesis
from dragoman_export.verify import Parity, compare, measure, require_same, require_same_tokens


def hypothesis(*token_ids: int, log_prob: float = -1.0, margin: float = 1.0) -> Hypothesis:
    count = len(token_ids)
    return Hypothesis(list(token_ids), [log_prob] * count, [margin] * count)


def test_equal_hypotheses_have_no_differences() -> None:
    parity = compare(
        [hypothesis(4, 5, 0), hypothesis(6, 0)],
        [hypothesis(4, 5, 0, log_prob=-1.0001), hypothesis(6, 0)],
    )

    assert (parity.sentence_count, parity.different_count, parity.token_count) == (2, 0, 5)
    assert parity.max_log_prob_difference == pytest.approx(1e-4)
    require_same(parity)


def test_a_difference_where_the_checkpoint_was_undecided_is_a_tie() -> None:
    parity = compare([hypothesis(4, 5, margin=5e-5)], [hypothesis(4, 6)])

    assert (parity.different_count, parity.tie_count) == (1, 1)
    require_same(parity)


def test_any_other_difference_is_refused() -> None:
    parity = compare([hypothesis(4, 5, 0)], [hypothesis(4, 5)])
    assert (parity.different_count, parity.tie_count) == (1, 0)

    with pytest.raises(VerificationError, match="1 of 1 sentences differ"):
        require_same(compare([hypothesis(4, 5)], [hypothesis(4, 6)]))


@pytest.mark.parametrize("worst", [0.1, float("nan")])
def test_other_log_probabilities_are_refused(worst: float) -> None:
    with pytest.raises(VerificationError, match="log-probabilities differ"):
        require_same(Parity(1, 0, 0, 3, worst))


class Echo:
    """Says every source back and remembers how it was asked."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def decode(self, sources: Sequence[Sequence[int]], limit: int) -> list[Hypothesis]:
        self.batches.append([len(source) for source in sources])
        return [hypothesis(*source[:limit]) for source in sources]


def test_no_batch_is_large() -> None:
    decoder = Echo()

    measure(decoder, decoder, [[1]] * 70, limit=1)

    assert [len(batch) for batch in decoder.batches[::2]] == [32, 32, 6]


def test_long_sentences_are_decoded_in_small_batches() -> None:
    reference, candidate = Echo(), Echo()
    sources = [[1] * length for length in (500, 2, 3, 500, 500)]

    parity = measure(reference, candidate, sources, limit=10)

    assert reference.batches == candidate.batches == [[2, 3], [500, 500], [500]]
    assert (parity.sentence_count, parity.token_count) == (5, 35)


class Letters:
    """A tokenizer that gives each letter its place in the alphabet."""

    def encode(self, text: str) -> list[int]:
        return [ord(letter) - ord("a") for letter in text]


def test_the_same_tokens_pass() -> None:
    require_same_tokens(Letters(), ["abc", "b"], [[0, 1, 2], [1]])


def test_other_tokens_are_refused_with_the_text() -> None:
    with pytest.raises(VerificationError, match=r"'b' becomes the tokens \[2\], .* \[1\]"):
        require_same_tokens(Letters(), ["abc", "b"], [[0, 1, 2], [2]])
