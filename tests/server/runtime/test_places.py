import random

import numpy as np
import pytest

from dragoman_server.runtime.places import (
    PlaceTable,
    paired_groups,
    paired_offsets,
    prefixes,
    settle,
)
from dragoman_server.search.rows import Move


def test_a_place_is_where_an_array_has_it() -> None:
    table = PlaceTable(tensors=4, rows=5, heads=3, positions=6)
    array = np.arange(table.size).reshape(table)
    rows, positions = np.array([4, 0, 2]), np.array([5, 0, 3])
    places = table.groups[:, None] + table.offsets(rows, positions)
    np.testing.assert_array_equal(
        places, array[:, rows, :, positions].transpose(1, 2, 0).reshape(12, 3)
    )


def test_sources_and_targets_are_paired() -> None:
    source, target = np.array([1, 2, 3]), np.array([4, 5, 6])
    groups, offsets = paired_groups(source, target), paired_offsets(source, target)
    assert (groups.shape, offsets.shape) == ((2, 3, 1), (2, 1, 3))
    np.testing.assert_array_equal((groups + offsets)[1], target[:, None] + target)


def test_prefixes_are_the_positions_of_each_row() -> None:
    index, positions = prefixes(np.array([2, 0, 3]))
    assert index.tolist() == [0, 0, 2, 2, 2]
    assert positions.tolist() == [0, 1, 0, 1, 2]


@pytest.mark.parametrize("seed", range(20))
def test_settled_moves_bring_the_same_rows_to_the_same_places(seed: int) -> None:
    chance = random.Random(seed)
    count = 12
    rows, moves = list(range(count)), []
    for removed in sorted(chance.sample(range(count), 6), reverse=True):
        count -= 1
        if removed != count:
            moves.append(Move(count, removed, rows[count] + 1, rows[count] + 2))
            rows[removed] = rows[count]
    settled = settle(moves)
    at_once = list(range(12))
    for move in settled:
        at_once[move.target] = move.source
        assert move.target_length == move.source + 1
    assert at_once[:count] == rows[:count]
