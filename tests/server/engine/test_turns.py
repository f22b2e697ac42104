"""Who steps next where engines of several models want more cores than there are."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman_server.engine.turns import QUANTUM_SECONDS, Share, Turn, Turns

STEP = 2 * QUANTUM_SECONDS


class Clock:
    """Stands still unless it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_as_many_compute_as_there_are_cores() -> None:
    turns, share = Turns(2), Share()
    assert turns.ask(share).is_granted()
    assert turns.ask(share).is_granted()
    third = turns.ask(share)
    assert not third.is_granted()
    turns.give_back(share, STEP)
    assert third.is_granted()


def test_a_step_of_several_threads_takes_as_many_cores() -> None:
    turns, wide, narrow = Turns(2), Share(threads=2), Share()
    assert turns.ask(narrow).is_granted()
    waiting = turns.ask(wide)
    assert not waiting.is_granted()
    turns.give_back(narrow, STEP)
    assert waiting.is_granted()
    assert not turns.ask(narrow).is_granted()


def test_more_threads_than_cores_take_all_of_them() -> None:
    turns, share = Turns(2), Share(threads=16)
    assert turns.ask(share).is_granted()
    assert not turns.ask(Share()).is_granted()


def test_a_turn_goes_on_while_nobody_waits() -> None:
    turns, share = Turns(1), Share()
    assert turns.ask(share).is_granted()
    assert all(turns.goes_on(share, STEP) for _ in range(1000))


def test_it_ends_when_another_model_is_a_quantum_behind() -> None:
    turns, first, second = Turns(1), Share(), Share()
    assert turns.ask(first).is_granted()
    other = turns.ask(second)
    assert turns.goes_on(first, QUANTUM_SECONDS / 2)
    assert not turns.goes_on(first, QUANTUM_SECONDS)
    assert other.is_granted()


def test_a_model_that_was_idle_has_saved_nothing_up() -> None:
    turns, busy, idle = Turns(1), Share(), Share()
    assert turns.ask(busy).is_granted()
    for _ in range(1000):
        assert turns.goes_on(busy, STEP)
    other = turns.ask(idle)
    assert not turns.goes_on(busy, STEP)
    assert other.is_granted()
    waiting = turns.ask(busy)
    assert not turns.goes_on(idle, 2 * STEP)
    assert waiting.is_granted()


def test_nor_has_one_that_was_idle_while_all_were() -> None:
    turns, first, second = Turns(1), Share(), Share()
    assert turns.ask(first).is_granted()
    turns.give_back(first, 1000 * STEP)
    assert turns.ask(second).is_granted()
    waiting = turns.ask(first)
    assert not turns.goes_on(second, STEP)
    assert waiting.is_granted()


@settings(max_examples=25)  # of 4,000 steps each
@given(
    weights=st.lists(st.sampled_from([0.25, 1.0, 3.0]), min_size=2, max_size=4),
    cores=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_busy_models_get_the_cores_by_their_weights(
    weights: list[float], cores: int, seed: int
) -> None:
    """Simulated: every model has as many threads as there are cores, all of them busy."""
    draw = random.Random(seed)
    turns, shares = Turns(cores), [Share(weight) for weight in weights]
    asked = [turns.ask(share) for share in shares for _ in range(cores)]
    had = dict.fromkeys(shares, 0.0)
    running: list[tuple[float, int, float, Share]] = []
    now = 0.0
    for count in range(4000):
        for request in [each for each in asked if each.is_granted()]:
            asked.remove(request)
            seconds = draw.uniform(0.5, 1.5) * STEP
            running.append((now + seconds, id(request), seconds, request.share))
        assert len(running) == cores
        running.sort()
        now, _, seconds, share = running.pop(0)
        had[share] += seconds
        if turns.goes_on(share, seconds):
            seconds = draw.uniform(0.5, 1.5) * STEP
            running.append((now + seconds, count, seconds, share))
        else:
            asked.append(turns.ask(share))
    total = sum(had.values())
    expected = {share: share.weight / sum(weights) * total for share in shares}
    assert had == pytest.approx(expected, rel=0.1)


def test_an_exception_gives_the_turn_back() -> None:
    turns, share, clock = Turns(1), Share(), Clock()

    def fail() -> None:
        with Turn(turns, share, clock):
            clock.now = 3.0
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert share.used == 3.0
    with Turn(turns, share, clock) as turn:
        clock.now = 4.0
        assert turn.goes_on()
        clock.now = 4.5
    assert share.used == 4.5
    assert not share.active
