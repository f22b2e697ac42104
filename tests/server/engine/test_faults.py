"""A runner or a search that raises at any place: each sequence ends once, no row stays behind."""

import random
from typing import Literal

import pytest

from dragoman_server.errors import BackendError, OutOfMemoryError
from dragoman_server.sequence import Completion, FinishReason, Sequence
from tests.server.engine.fakes import rambling, sequence
from tests.server.engine.stepped import Bench
from tests.server.search.reference import translate

Place = Literal["encode", "decode", "fork", "copy", "move"]


def one_ends_before_others(bench: Bench) -> tuple[Sequence, list[Sequence]]:
    """The first row is freed while others run, so that the last one moves into it."""
    first, others = sequence([2]), [sequence([9]), sequence([9, 1])]
    bench.queue.put([first, *others])
    bench.engine.step()
    return first, others


def is_as_new(bench: Bench) -> bool:
    later = [sequence([5]), sequence([3])]
    bench.queue.put(later)
    bench.run()
    right = [translate(each.source_ids, each.options)[:2] for each in later]
    return bench.engine.rows == 0 and [bench.completion(each)[:2] for each in later] == right


def test_what_ended_is_told_although_the_others_rows_cannot_be_moved() -> None:
    bench = Bench()
    first, others = one_ends_before_others(bench)
    bench.runner.fails, bench.runner.fails_at = RuntimeError("no device"), "move"
    bench.run()
    assert bench.completion(first)[:2] == translate([2], first.options)[:2]
    assert all(isinstance(bench.outcomes[each], BackendError) for each in others)
    bench.runner.fails_at = None
    assert is_as_new(bench)


def test_a_cancellation_whose_rows_cannot_be_moved_ends_no_thread() -> None:
    bench = Bench()
    first, others = one_ends_before_others(bench)
    bench.engine.cancel(first)
    bench.runner.fails, bench.runner.fails_at = RuntimeError("no device"), "move"
    bench.run()
    assert bench.completion(first).finish_reason is FinishReason.CANCELLED
    assert all(isinstance(bench.outcomes[each], BackendError) for each in others)
    bench.runner.fails_at = None
    assert is_as_new(bench)


def test_newcomers_that_the_search_cannot_take_leave_no_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench()
    running, broken = sequence([9]), [sequence([8]), sequence([7])]
    bench.queue.put([running])
    bench.engine.step()
    bench.engine.step()
    search = bench.engine._search
    admit = search.admit

    def admits_all_but_the_last(sequences: list[Sequence]) -> None:
        admit(sequences[:-1])
        raise MemoryError

    monkeypatch.setattr(search, "admit", admits_all_but_the_last)
    bench.queue.put(broken)
    while not bench.outcomes:
        bench.engine.step()
    monkeypatch.undo()
    bench.run()
    assert all(isinstance(bench.outcomes[each], OutOfMemoryError) for each in broken)
    assert bench.completion(running)[:2] == translate([9], running.options)[:2]
    assert is_as_new(bench)


def test_a_step_without_memory_is_to_be_tried_again() -> None:
    bench = Bench()
    broken = sequence([8])
    bench.queue.put([broken])
    bench.runner.fails = MemoryError()
    bench.run()
    assert isinstance(bench.outcomes[broken], OutOfMemoryError)
    assert is_as_new(bench)


@pytest.mark.parametrize("place", ["encode", "decode", "fork", "copy", "move"])
@pytest.mark.parametrize("seed", range(5))
def test_wherever_it_fails_each_sequence_ends_once(place: Place, seed: int) -> None:
    """Bench asserts that none ends twice."""
    chance = random.Random(seed)
    bench = Bench(max_batch_size=11, model=rambling)
    bench.runner.fails_at = place
    sequences = [
        sequence([chance.randrange(1, 20)], rows=chance.choice([1, 1, 2, 4]), max_length=20)
        for _ in range(60)
    ]
    waiting, failures = list(sequences), 0
    while len(bench.outcomes) < len(sequences):
        bench.queue.put(waiting[:5])
        waiting = waiting[5:]
        for _ in range(6):
            if chance.random() < 0.1:
                bench.runner.fails = RuntimeError("broken")
                failures += 1
            bench.engine.step()
        for each in chance.sample(sequences, 2):
            bench.engine.cancel(each)
    bench.runner.fails = bench.runner.fails_at = None
    assert failures
    assert bench.engine.rows == 0
    kinds = {type(outcome) for outcome in bench.outcomes.values()}
    assert kinds <= {Completion, BackendError}
