import random

import pytest

from dragoman_server.errors import BackendError, DeadlineError
from dragoman_server.sequence import FinishReason, Sequence, Timing
from tests.server.engine.fakes import rambling, sequence
from tests.server.engine.stepped import Bench
from tests.server.search.reference import translate, translate_with_beam


def random_sequences(seed: int, count: int) -> list[Sequence]:
    chance = random.Random(seed)
    return [
        sequence(
            [chance.randrange(1, 30), *(chance.randrange(50) for _ in range(chance.randrange(20)))],
            max_length=chance.choice([3, 10, 100]),
            min_length=chance.choice([0, 0, 2]),
            return_scores=chance.random() < 0.5,
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("max_batch_size", [1, 2, 7, 64])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_order_and_batch_size_give_the_translations_made_alone(
    max_batch_size: int, seed: int
) -> None:
    bench = Bench(max_batch_size=max_batch_size)
    chance = random.Random(seed)
    sequences = random_sequences(seed, 60)
    bench.arrive_at_random(chance.sample(sequences, len(sequences)), chance)
    bench.run()
    for each in sequences:
        assert bench.completion(each)[:2] == translate(each.source_ids, each.options)[:2]
    assert bench.engine.rows == 0


def beams_of_all_sizes(seed: int, count: int) -> list[Sequence]:
    chance = random.Random(seed)
    return [
        sequence(
            [chance.randrange(1, 20), *(chance.randrange(50) for _ in range(chance.randrange(9)))],
            max_length=chance.choice([1, 4, 30]),
            min_length=chance.choice([0, 0, 1]),
            rows=chance.choice([1, 1, 2, 3, 4, 7]),
            length_penalty=chance.choice([0.0, 0.6, 1.0, 2.0]),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("max_batch_size", [7, 11, 40])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_beams_of_all_sizes_share_a_batch_and_each_is_as_if_alone(
    max_batch_size: int, seed: int
) -> None:
    bench = Bench(max_batch_size=max_batch_size, model=rambling)
    chance = random.Random(seed)
    sequences = beams_of_all_sizes(seed, 30)
    bench.arrive_at_random(sequences, chance)
    bench.run()
    for each in sequences:
        completion = bench.completion(each)
        if each.rows == 1:
            assert completion[:2] == translate(each.source_ids, each.options, rambling)[:2]
            continue
        expected = translate_with_beam(each.source_ids, each.options)
        assert completion[:2] == expected[:2]
        assert completion.score == pytest.approx(expected.score, rel=1e-5)
    assert bench.engine.rows == 0


def test_a_cancelled_beam_frees_all_its_rows() -> None:
    bench = Bench(max_batch_size=8, model=rambling)
    doomed, other = sequence([60], rows=4), sequence([60, 1], rows=3)
    bench.queue.put([doomed, other])
    for _ in range(4):
        bench.engine.step()
    assert (bench.engine.rows, bench.engine.running) == (7, 2)
    bench.engine.cancel(doomed)
    bench.engine.step()
    assert (bench.engine.rows, bench.engine.running) == (3, 1)
    bench.run()
    assert bench.completion(other)[:2] == translate_with_beam([60, 1], other.options)[:2]


def test_a_newcomer_joins_the_running_batch() -> None:
    bench = Bench()
    first, second = sequence([20]), sequence([2])
    bench.queue.put([first])
    for _ in range(5):
        bench.engine.step()
    bench.queue.put([second])
    while second not in bench.outcomes:
        bench.engine.step()
    assert first not in bench.outcomes
    assert bench.runner.rows_per_step[-1] == 2
    bench.run()
    assert bench.completion(first)[:2] == translate([20], first.options)[:2]


def test_an_idle_engine_says_so() -> None:
    assert not Bench().engine.step()


def test_a_cancelled_sequence_frees_its_rows_before_the_next_step() -> None:
    bench = Bench()
    doomed, other = sequence([20]), sequence([20, 3])
    bench.queue.put([doomed, other])
    for _ in range(4):
        bench.engine.step()
    bench.engine.cancel(doomed)
    bench.engine.step()
    assert bench.runner.rows_per_step[-1] == 1
    assert bench.completion(doomed).finish_reason is FinishReason.CANCELLED
    bench.run()
    assert bench.completion(other)[:2] == translate([20, 3], other.options)[:2]


def test_cancelling_a_finished_or_foreign_sequence_changes_nothing() -> None:
    bench = Bench()
    finished, running = sequence([1]), sequence([20])
    bench.queue.put([finished, running])
    while finished not in bench.outcomes:
        bench.engine.step()
    bench.engine.cancel(finished)
    bench.engine.cancel(sequence([5]))
    bench.run()
    assert bench.completion(running)[:2] == translate([20], running.options)[:2]


def test_a_failed_step_fails_its_sequences_and_no_other() -> None:
    bench = Bench(max_batch_size=2)
    broken, spared = [sequence([5]), sequence([6])], sequence([7])
    bench.queue.put([*broken, spared])
    bench.engine.step()
    bench.runner.fails = RuntimeError("no more memory")
    bench.run()
    for each in broken:
        assert isinstance(bench.outcomes[each], BackendError)
    assert bench.completion(spared)[:2] == translate([7], spared.options)[:2]


def test_a_failed_encoding_leaves_the_running_rows_alone() -> None:
    bench = Bench()
    running, broken = sequence([9]), sequence([8])
    bench.queue.put([running])
    bench.engine.step()
    bench.engine.step()
    bench.queue.put([broken])
    bench.runner.fails = RuntimeError("bad source")
    bench.run()
    assert isinstance(bench.outcomes[broken], BackendError)
    assert bench.completion(running)[:2] == translate([9], running.options)[:2]


def test_abandoned_sequences_are_told() -> None:
    bench = Bench()
    held = sequence([9])
    bench.queue.put([held])
    bench.engine.step()
    bench.engine.abandon(SystemError("thread died"))
    assert isinstance(bench.outcomes[held], BackendError)
    assert bench.engine.rows == 0


def test_partial_tokens_grow_one_by_one() -> None:
    bench = Bench()
    watched = sequence([3], wants_partial=True)
    bench.queue.put([watched, sequence([5])])
    bench.run()
    whole = bench.completion(watched).token_ids
    assert bench.partial == [whole[:1], whole[:2], whole[:3]]


def test_running_sentences_get_a_token_between_any_two_admissions() -> None:
    bench = Bench(max_batch_size=64, max_encode_tokens=10)
    bench.queue.put([sequence([3, *[number] * 8]) for number in range(20)])
    bench.run()
    assert max(bench.runner.encoded_per_step) <= 10
    assert len(bench.runner.rows_per_step) >= len(bench.runner.encoded_per_step)


def test_an_expired_sequence_never_starts_and_is_told() -> None:
    bench = Bench()
    bench.now = 5.0
    expired, other = sequence([20], deadline=5.0), sequence([3, 1], deadline=5.1)
    bench.queue.put([expired, other])
    bench.run()
    assert isinstance(bench.outcomes[expired], DeadlineError)
    assert bench.runner.encoded_per_step == [2]
    assert bench.completion(other)[:2] == translate([3, 1], other.options)[:2]
    assert bench.sample("requests_expired_total") == 1


def test_a_running_sequence_is_left_to_whoever_waits_for_it_when_its_deadline_passes() -> None:
    bench = Bench()
    running = sequence([3], deadline=5.0)
    bench.queue.put([running])
    bench.engine.step()
    bench.now = 6.0
    bench.run()
    assert bench.completion(running)[:2] == translate([3], running.options)[:2]
    assert bench.sample("requests_expired_total") == 0


def test_an_engine_whose_newcomers_all_expired_is_idle() -> None:
    bench = Bench()
    bench.now = 5.0
    expired = [sequence([20], deadline=1.0) for _ in range(9)]
    bench.queue.put(expired)
    assert not bench.engine.step()
    assert all(isinstance(bench.outcomes[each], DeadlineError) for each in expired)
    assert len(bench.queue) == 0


class Watch:
    """In place of an engine's Line: keeps what it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, float]] = []

    def observe(self, x: float, y: float) -> None:
        self.seen.append((x, y))


def test_a_steps_cost_is_all_since_the_step_before_but_no_idle_time() -> None:
    bench = Bench(encode_seconds=0.25, decode_seconds=lambda rows: 1.0 + rows)
    bench.engine.step_costs = watch = Watch()  # type: ignore[assignment]
    bench.queue.put([sequence([3]), sequence([2])])
    bench.engine.step()
    bench.engine.step()
    assert watch.seen == [(2, 3.25)]
    bench.queue.put([sequence([9])])
    bench.engine.step()
    bench.engine.step()
    assert watch.seen[1:] == [(3, 4.25)]
    bench.run()
    bench.now += 1000.0
    watch.seen.clear()
    bench.queue.put([sequence([1])])
    bench.run()
    assert watch.seen == [(1, 2.25), (1, 2.0)]


def test_a_completion_says_how_long_everything_took_where_that_is_wanted() -> None:
    bench = Bench(encode_seconds=1.0, decode_seconds=lambda _: 0.5)
    timed, other = sequence([3]), sequence([3])
    timed.wants_timing = True
    bench.now = 2.0
    bench.queue.put([timed, other])
    bench.run()
    completion = bench.completion(timed)
    steps = len(completion.token_ids) + 1  # the end token's too
    assert completion.timing == Timing(0.0, 2.0, 3.0, 3.5, 3.0 + 0.5 * steps)
    assert bench.completion(other).timing is None


def test_metrics_tell_what_happened() -> None:
    bench = Bench()
    bench.queue.put([sequence([2, 1, 1]), sequence([4])])
    bench.run()
    assert bench.sample("source_tokens_total") == 4
    assert bench.sample("target_tokens_total") == 6
    assert bench.sample("steps_total", phase="encode") == 1
    assert bench.sample("steps_total", phase="decode") == 5
    assert bench.sample("batch_rows_sum") == 2 * 3 + 2
    assert bench.sample("request_decode_seconds_count") == 2


def test_the_queue_is_told_of_all_rows_that_are_free_again() -> None:
    bench = Bench()

    def rows_in_the_system() -> tuple[int, int]:
        return bench.queue.snapshot().light_rows, bench.queue.light_rows(0)

    ends, cancelled, fails = sequence([2]), sequence([9], rows=2), sequence([9])
    bench.queue.put([ends, cancelled])
    bench.engine.step()
    assert rows_in_the_system() == (3, 3)
    for _ in range(3):
        bench.engine.step()
    assert rows_in_the_system() == (2, 2)
    bench.engine.cancel(cancelled)
    bench.engine.step()
    assert rows_in_the_system() == (0, 0)
    for encoded in (True, False):
        bench.queue.put([sequence([9])])
        if encoded:
            bench.engine.step()
        bench.runner.fails = ValueError("broken")
        bench.engine.step()
        assert rows_in_the_system() == (0, 0)
    bench.queue.put([fails])
    bench.engine.step()
    bench.engine.abandon(ValueError("broken"))
    assert rows_in_the_system() == (0, 0)
