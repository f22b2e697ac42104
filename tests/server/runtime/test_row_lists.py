"""Lists of rows in a union of weights: who comes, who leaves, and what stays where it is."""

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from dragoman_server.models import Shortlist
from dragoman_server.runtime.row_lists import WIDTH, RowLists
from dragoman_server.runtime.union import SLOTS, Union
from dragoman_server.search import Move

TOKENS = 3 * SLOTS
WEIGHTS = np.random.default_rng(0).integers(0, 256, (TOKENS, 4), dtype=np.uint8)
EACH = 40
"""Target tokens of each source token: those from EACH times itself on."""


def made(max_rows: int = 8) -> RowLists:
    sources = TOKENS // EACH
    shortlist = Shortlist(
        WEIGHTS,
        EACH * np.arange(sources + 1),
        np.arange(EACH * sources, dtype=np.int32),
        np.arange(3, dtype=np.int32),
    )
    return RowLists(shortlist, max_rows)


def said(lists: RowLists, row: int) -> list[int]:
    """The tokens of a row, once the weights at their columns are proven to be theirs."""
    union, columns, ids = lists.arrays
    tokens = ids[row][ids[row] < TOKENS]
    assert (ids[row, len(tokens) :] == TOKENS).all()
    assert np.array_equal(union[columns[row, : len(tokens)]], WEIGHTS[tokens])
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


def test_what_nobody_says_any_more_leaves_the_union() -> None:
    lists = made()
    many = list(range(1, 1 + SLOTS // EACH + 1))
    lists.add([many, [20]], ())
    assert len(lists.arrays[0]) == 2 * SLOTS
    lists.move([move(1, 0)])
    lists.settle(1)
    lists.settle(0)
    assert len(lists.arrays[0]) == SLOTS
    lists.add([[3]], ())
    assert said(lists, 0) == expected(3)


def test_a_list_that_is_longer_lays_all_out_anew() -> None:
    lists = made()
    lists.add([[5]], ())
    before = lists.arrays
    lists.add([list(range(8))], ())
    _, columns, ids = lists.arrays
    assert ids.shape == columns.shape == (8, 2 * WIDTH)
    assert ids is not before[2]
    assert said(lists, 0) == expected(5)
    assert said(lists, 1) == expected(*range(8))
    lists.settle(0)
    assert lists.arrays[2].shape[1] == WIDTH
    lists.make_room(WIDTH + 1)
    assert lists.arrays[2].shape[1] == 2 * WIDTH


def test_wanted_tokens_are_in_the_union_as_long_as_they_are_wanted() -> None:
    lists = made()
    lists.add([[5]], ())
    wanted = np.array([900, 901, 900])
    for _ in range(2):
        assert np.array_equal(lists.arrays[0][lists.want(wanted)], WEIGHTS[wanted])
    assert said(lists, 0) == expected(5)
    others = np.array([901])
    assert np.array_equal(lists.arrays[0][lists.want(others)], WEIGHTS[others])
    lists.want(np.zeros(0, np.int64))
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
    union = Union(WEIGHTS)
    first = union.add(np.array([10, 20, 30]))
    second = union.add(np.array([20, 40]))
    assert second[0] == first[1]
    union.remove(np.array([10, 20, 30]))
    third = union.add(np.array([50, 60, 70]))
    assert np.array_equal(union.slots(np.array([20, 40])), second)
    assert set(third) <= {*first, *range(4, 10)} - set(second)
    tokens: NDArray[np.int64] = np.array([20, 40, 50, 60, 70])
    assert np.array_equal(union.array[union.slots(tokens)], WEIGHTS[tokens])


def test_a_union_has_room_for_every_token() -> None:
    union = Union(WEIGHTS)
    tokens = np.arange(TOKENS)
    slots = union.add(tokens)
    assert np.array_equal(union.array[slots], WEIGHTS)
