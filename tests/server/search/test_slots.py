"""What a search counts comes back to nothing when its sequences have gone."""

import dataclasses

import numpy as np
import pytest

from dragoman_server.search.slots import Slots
from dragoman_server.sequence import TranslationOptions

PLAIN = TranslationOptions(20, return_scores=False)
ALL_AT_ONCE = dataclasses.replace(
    PLAIN,
    beam_size=3,
    min_decoding_length=2,
    return_scores=True,
    return_token_scores=True,
    target_prefix=(5, 6),
)


def wishes(slots: Slots) -> tuple[int, int, set[int], set[int], set[int]]:
    return (
        slots.reserved,
        slots.prefixes,
        set(slots.with_minimum),
        set(slots.scored),
        set(slots.token_scored),
    )


@pytest.mark.parametrize("prefix_has_ended", [False, True])
def test_a_sequence_that_is_freed_leaves_nothing_behind(*, prefix_has_ended: bool) -> None:
    slots = Slots(max_slots=4, max_beam_size=4)
    slots.add(0, 0, PLAIN)
    before = wishes(slots)
    slots.add(2, 1, ALL_AT_ONCE)
    assert wishes(slots) == (before[0] + 3, 1, {2}, {2}, {2})
    if prefix_has_ended:
        slots.end_prefix(np.array([2]))
        assert slots.prefixes == 0
    slots.free(2)
    assert wishes(slots) == before
    assert not slots.in_prefix.any()
    assert slots.held.tolist() == [1, 0, 0, 0]
    assert slots.beam_sizes.tolist() == [PLAIN.beam_size, 0, 0, 0]


def test_a_fork_gives_each_sequence_its_other_rows() -> None:
    slots = Slots(max_slots=2, max_beam_size=4)
    for slot in (0, 1):
        slots.add(slot, slot, ALL_AT_ONCE)
    slots.fork(np.array([0, 1]), np.array([[2, 3], [4, 5]]))
    assert slots.rows[:, :3].tolist() == [[0, 2, 3], [1, 4, 5]]
    assert slots.held.tolist() == [3, 3]
