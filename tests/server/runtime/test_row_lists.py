"""Lists of rows in a union of weights: who comes, who leaves, and what stays where it is."""

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from dragoman_server.runtime.row_lists import WIDTH, RowLists
from dragoman_server.runtime.shortlist import Shortlist
from dragoman_server.runtime.union import COLUMNS, NOWHERE, Union
from dragoman_server.search import Move

TOKENS = 3 * COLUMNS
WEIGHTS = np.random.default_rng(0).integers(-127, 128, (TOKENS, 4), dtype=np.int8)
SCALES = np.random.default_rng(1).random(TOKENS, np.float32)
EACH = 40
"""Target tokens of each source token: those from EACH times itself on."""


def shortlist() -> Shortlist:
    sources = TOKENS // EACH
    return Shortlist(
        WEIGHTS,
        SCALES,
        -SCALES,
        EACH * np.arange(sources + 1),
        np.arange(EACH * sources, dtype=np.int32),
        np.arange(3, dtype=np.int32),
    )


def made(max_rows: int = 8) -> RowLists:
    return RowLists(shortlist(), max_rows)


def hold(union: Union, columns: NDArray[np.int64], tokens: NDArray[np.int64]) -> bool:
    """Whether the columns have what is these tokens'."""
    weight, scale, bias = union.matrix
    return (
        np.array_equal(weight[:, columns], WEIGHTS[tokens].T)
        and np.array_equal(scale[columns], SCALES[tokens])
        and np.array_equal(bias[columns], -SCALES[tokens])
    )


def said(lists: RowLists, row: int) -> list[int]:
    """The tokens of a row, once what is at their columns is proven to be theirs."""
    arrays = lists.arrays(row + 1)
    columns, ids = arrays["list_columns"][row], arrays["list_ids"][row]
    count = int(np.count_nonzero(columns != NOWHERE))
    tokens = ids[:count]
    assert (columns[count:] == NOWHERE).all()
    assert arrays["union_bias"][NOWHERE] == -np.inf
    assert arrays["union_scale"][NOWHERE] == 0
    assert np.array_equal(arrays["union_weight"][:, columns[:count]], WEIGHTS[tokens].T)
    assert np.array_equal(arrays["union_scale"][columns[:count]], SCALES[tokens])
    assert np.array_equal(arrays["union_bias"][columns[:count]], -SCALES[tokens])
    found: list[int] = tokens.tolist()
    return found


def expected(*sources: int, others: tuple[int, ...] = ()) -> list[int]:
    tokens = {token for each in sources for token in range(EACH * each, EACH * (each + 1))}
    return sorted({0, 1, 2, *tokens, *others})


def move(source: int, target: int) -> Move:
    return Move(source, target, 1, 1)


def test_each_row_has_what_its_sentence_may_become() -> None:
    lists = made()
    lists.add([[5, 7, 5], [9]], [(), (1000, 1000)])
    assert said(lists, 0) == expected(5, 7)
    assert said(lists, 1) == expected(9, others=(1000,))


def test_rows_that_are_forked_and_moved_keep_their_lists() -> None:
    lists = made()
    lists.add([[5], [7]], ())
    lists.move([move(0, 2), move(0, 3)])
    lists.settle(4)
    lists.move([move(3, 1)])
    lists.settle(3)
    assert [said(lists, row) for row in range(3)] == [expected(5)] * 3
    lists.move([move(2, 0)])
    lists.settle(1)
    assert said(lists, 0) == expected(5)


def length(lists: RowLists) -> int:
    """Columns of the union."""
    return len(lists.arrays(1)["union_scale"])


def test_a_union_becomes_small_again_once_its_tokens_have_left() -> None:
    lists = made()
    many = list(range(1, 2 + 2 * COLUMNS // EACH))
    lists.add([many, [2]], ())
    assert length(lists) == 3 * COLUMNS
    lists.move([move(1, 0)])
    lists.settle(1)
    assert said(lists, 0) == expected(2)
    assert length(lists) == COLUMNS
    lists.settle(0)
    lists.add([[30]], ())
    assert said(lists, 0) == expected(30)


def test_a_list_that_is_longer_lays_all_out_anew() -> None:
    lists = made()
    lists.add([[5]], ())
    before = lists.layout
    lists.add([list(range(8))], ())
    assert lists.layout > before
    arrays = lists.arrays(2)
    assert arrays["list_ids"].shape == arrays["list_columns"].shape == (2, 2 * WIDTH)
    assert said(lists, 0) == expected(5)
    assert said(lists, 1) == expected(*range(8))


def test_room_that_only_long_sentences_needed_is_given_up_when_there_are_none() -> None:
    lists = made()
    lists.make_room(3 * WIDTH)
    before = lists.layout
    lists.add([[5]], ())
    assert lists.layout > before
    assert lists.arrays(1)["list_ids"].shape[1] == WIDTH
    lists.make_room(2 * WIDTH)
    lists.settle(0)
    before = lists.layout
    lists.add([[7]], ())
    assert lists.layout == before  # not at each sentence


def test_wanted_tokens_are_in_the_union_as_long_as_they_are_wanted() -> None:
    lists = made()
    lists.add([[5]], ())
    wanted = np.array([900, 901, 900])

    def weights(tokens: NDArray[np.int64]) -> NDArray[np.int8]:
        columns = lists.want(tokens)
        found: NDArray[np.int8] = lists.arrays(1)["union_weight"][:, columns].T
        return found

    for _ in range(2):
        assert np.array_equal(weights(wanted), WEIGHTS[wanted])
        lists.add([[7]], ())  # others come between
    others = np.array([901])
    assert np.array_equal(weights(others), WEIGHTS[others])
    lists.want(np.zeros(0, np.int64))
    lists.settle(1)
    lists.add([[9]], ())
    assert (said(lists, 0), said(lists, 1)) == (expected(5), expected(9))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_and_goes_everybody_has_its_own(seed: int) -> None:
    chance = random.Random(seed)
    lists = made(32)
    rows: list[list[int]] = []
    for _ in range(300):
        if rows and chance.random() < 0.5:
            gone = chance.randrange(len(rows))
            last = rows.pop()
            if gone < len(rows):
                rows[gone] = last
                lists.move([move(len(rows), gone)])
        elif rows and len(rows) < 32 and chance.random() < 0.3:
            parent = chance.randrange(len(rows))
            lists.move([move(parent, len(rows))])
            rows.append(rows[parent])
        elif len(rows) < 30:
            new = [chance.sample(range(30), chance.randint(1, 9)) for _ in range(2)]
            lists.settle(len(rows))
            lists.add(new, ())
            rows += new
        lists.settle(len(rows))
        for row, sources in enumerate(rows):
            assert said(lists, row) == expected(*sources)


def test_a_token_stays_where_it_is_while_any_list_has_it() -> None:
    union = Union(shortlist())
    first = union.add(np.array([10, 20, 30]))
    second = union.add(np.array([20, 40]))
    assert second[0] == first[1]
    union.remove(np.array([10, 20, 30]))
    everything = np.arange(100, 100 + COLUMNS - 3)  # there is room for so many beside 20 and 40
    columns = union.add(everything)
    assert len(union.matrix.scale) == COLUMNS
    assert np.array_equal(union.columns(np.array([20, 40])), second)
    assert not set(columns) & {NOWHERE, *second}
    assert hold(union, columns, everything)
    assert hold(union, second, np.array([20, 40]))


def test_a_token_that_comes_again_is_where_it_was() -> None:
    union = Union(shortlist())
    tokens = np.array([10, 20, 30])
    before = union.add(tokens)
    union.remove(tokens)
    union.matrix.weight[:, before[0]] = 77
    assert np.array_equal(union.add(tokens), before)
    assert (union.matrix.weight[:, before[0]] == 77).all()  # it was not copied once more


def test_a_union_has_room_for_every_token() -> None:
    union = Union(shortlist())
    tokens = np.arange(TOKENS)
    assert hold(union, union.add(tokens), tokens)
    union.remove(tokens[1:])
    union.trim()
    assert len(union.matrix.scale) == COLUMNS
    assert hold(union, union.columns(tokens[:1]), tokens[:1])
    assert hold(union, union.add(tokens[1:]), tokens[1:])
