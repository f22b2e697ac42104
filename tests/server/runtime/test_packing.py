"""Which sentences are encoded together: so many like lengths, and a long one without a crowd."""

from itertools import chain

import pytest

from dragoman_server.runtime.packing import MOST_PAIRS, MOST_TOKENS, batches, distinct


def sentences(*lengths: int) -> list[list[int]]:
    return [[number] * length for number, length in enumerate(lengths)]


@pytest.mark.parametrize(
    "lengths",
    [
        [500] + [4] * 127,
        [4] * 127 + [500],
        [512] + [1] * 511,
        [4, 500] * 64,
        [1] * 1024,
        [2048],
        [2048, 2048, 1],
    ],
)
def test_no_batch_has_more_pairs_or_tokens_than_a_run_takes(lengths: list[int]) -> None:
    source_ids = sentences(*lengths)
    divided = batches(source_ids)
    assert list(chain.from_iterable(divided)) == source_ids
    for batch in divided:
        assert len(batch) == 1 or len(batch) * max(map(len, batch)) ** 2 <= MOST_PAIRS
        assert len(batch) == 1 or sum(map(len, batch)) <= MOST_TOKENS


def test_each_sentence_comes_once_with_all_who_have_it() -> None:
    given = [[7, 8, 0], [0], [7, 8, 0], [7, 0], [0], [7, 8, 0]]
    assert list(distinct(given).items()) == [((7, 8, 0), [0, 2, 5]), ((0,), [1, 4]), ((7, 0), [3])]


@pytest.mark.parametrize(
    "lengths", [[30] * 8, list(range(22, 0, -1)), [128, 128], [8] * 32, [1], [250, 1, 5]]
)
def test_like_lengths_are_encoded_together(lengths: list[int]) -> None:
    assert batches(sentences(*lengths)) == [sentences(*lengths)]


def test_a_batch_is_filled_before_the_next_begins() -> None:
    divided = batches(sentences(*[30] * 34))
    assert [len(batch) for batch in divided] == [8, 8, 8, 8, 2]
