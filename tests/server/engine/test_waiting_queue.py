import threading
from functools import partial

import pytest

from dragoman_server.engine.lane import SPACING
from dragoman_server.engine.waiting_queue import Sender, WaitingQueue
from dragoman_server.errors import QueueFullError
from dragoman_server.sequence import Sequence
from tests.server.engine.fakes import sequence


def take(
    queue: WaitingQueue, engine: int = 0, *, running: int = 0, free: int = 8, tokens: int = 99
) -> list[Sequence]:
    return queue.take(engine, running_rows=running, free_rows=free, max_tokens=tokens).newcomers


def test_requests_of_one_text_are_served_as_they_come() -> None:
    queue = WaitingQueue(max_queue_size=9, engines=1)
    texts = [sequence([i]) for i in range(1, 6)]
    for text in texts:
        queue.put([text])
    assert take(queue, free=3) == texts[:3]
    assert take(queue) == texts[3:]
    assert take(queue) == []


def test_a_small_request_does_not_wait_for_all_of_a_large_one() -> None:
    queue = WaitingQueue(max_queue_size=99, engines=1)
    large = [sequence([1]) for _ in range(40)]
    queue.put(large)
    assert take(queue, free=5) == large[:5]
    small = [sequence([2]) for _ in range(3)]
    for text in small:
        queue.put([text])
    # Five were taken: the large one's second text had its turn after four, its third after eight.
    assert take(queue, free=4) == [*small, large[5]]
    assert take(queue, free=3) == large[6:9]


def test_a_large_request_has_its_share_beside_any_number_of_small_ones() -> None:
    queue = WaitingQueue(max_queue_size=999, engines=1)
    large = [sequence([1]) for _ in range(40)]
    queue.put(large)
    taken: list[Sequence] = []
    for _ in range(20 * (SPACING + 1)):
        queue.put([sequence([2])])
        taken += take(queue, free=1)
    assert sum(text in large for text in taken) == pytest.approx(20, abs=1)


def test_what_a_caller_sends_one_by_one_counts_as_one_request() -> None:
    queue = WaitingQueue(max_queue_size=99, engines=1)
    stream = [sequence([1]) for _ in range(9)]
    for unanswered, text in enumerate(stream):
        queue.put([text], Sender("a", unanswered))
    other = sequence([2])
    queue.put([other])
    assert take(queue, free=2) == [stream[0], other]


def test_two_large_requests_have_turns_alternately() -> None:
    queue = WaitingQueue(max_queue_size=99, engines=1)
    first, second = ([sequence([1]) for _ in range(3)] for _ in range(2))
    queue.put(first)
    queue.put(second)
    expected = [text for pair in zip(first, second, strict=True) for text in pair]
    assert take(queue) == expected


def test_puts_all_or_none() -> None:
    queue = WaitingQueue(max_queue_size=3, engines=1)
    queue.put([sequence([1]), sequence([2])])
    with pytest.raises(QueueFullError, match="no room for 2 more texts: 2 of at most 3") as caught:
        queue.put([sequence([3]), sequence([4])])
    assert caught.value.retry_after_seconds > 0
    assert len(queue) == 2


def test_takes_no_more_tokens_than_the_budget() -> None:
    queue = WaitingQueue(max_queue_size=9, engines=1)
    queue.put([sequence([1] * 4) for _ in range(5)])
    assert len(take(queue, tokens=10)) == 2


def test_takes_one_text_longer_than_the_budget() -> None:
    queue = WaitingQueue(max_queue_size=9, engines=1)
    queue.put([sequence([1] * 40), sequence([1])])
    assert len(take(queue, tokens=10)) == 1


def test_a_sequence_is_never_split_over_too_few_rows() -> None:
    queue = WaitingQueue(max_queue_size=9, engines=1)
    queue.put([sequence([1], rows=4), sequence([1], rows=1)])
    assert take(queue, running=5, free=3) == []
    assert len(take(queue, running=4, free=4)) == 1


def test_an_engine_at_work_waits_until_enough_rows_are_free() -> None:
    queue = WaitingQueue(max_queue_size=9, engines=1)
    queue.put([sequence([1]) for _ in range(6)])
    take = partial(queue.take, 0, max_tokens=99, worthwhile_rows=4)
    assert take(running_rows=5, free_rows=3).newcomers == []
    assert len(take(running_rows=4, free_rows=4).newcomers) == 4
    assert len(take(running_rows=6, free_rows=2).newcomers) == 2  # no more are waiting
    assert take(running_rows=8, free_rows=0).newcomers == []


def test_an_idle_engine_takes_what_fits() -> None:
    queue = WaitingQueue(max_queue_size=9, engines=1)
    queue.put([sequence([1]) for _ in range(6)])
    taken = queue.take(0, running_rows=0, free_rows=2, max_tokens=99, worthwhile_rows=4)
    assert len(taken.newcomers) == 2


def test_a_burst_is_shared_between_idle_engines() -> None:
    queue = WaitingQueue(max_queue_size=99, engines=2)
    queue.put([sequence([1]) for _ in range(10)])
    assert len(take(queue, 0, free=64)) == 5
    assert len(take(queue, 1, free=64)) == 5


def test_the_engine_with_fewer_rows_gets_more() -> None:
    queue = WaitingQueue(max_queue_size=99, engines=2)
    take(queue, 0, running=6)
    queue.put([sequence([1]) for _ in range(8)])
    assert len(take(queue, 1, running=0, free=64)) == 7
    assert len(take(queue, 0, running=6, free=64)) == 1


def test_an_engine_above_its_share_leaves_the_text_to_the_other() -> None:
    queue = WaitingQueue(max_queue_size=99, engines=2)
    queue.put([sequence([1])])
    assert take(queue, 0, running=5) == []
    assert len(take(queue, 1, running=0)) == 1


def test_a_removed_text_is_not_taken() -> None:
    queue = WaitingQueue(max_queue_size=2, engines=1)
    first, second = sequence([1]), sequence([2])
    queue.put([first, second])
    assert queue.remove(first)
    assert not queue.remove(first)
    assert take(queue) == [second]
    assert not queue.remove(second)


def test_what_expired_is_dropped_and_takes_nobodys_place() -> None:
    queue = WaitingQueue(max_queue_size=9, engines=1)
    expired = [sequence([1] * 8, deadline=5.0, rows=3), sequence([1] * 8, deadline=4.0)]
    others = [sequence([1] * 8), sequence([1], deadline=5.5)]
    queue.put([expired[0], others[0], expired[1], others[1]])
    taken = queue.take(0, running_rows=0, free_rows=2, max_tokens=9, now=5.0)
    assert taken == (others, expired)
    assert not queue.remove(expired[0])
    assert len(queue) == 0


def test_what_expired_has_no_part_in_the_fair_share() -> None:
    queue = WaitingQueue(max_queue_size=9, engines=2)
    queue.put([sequence([1], deadline=1.0) for _ in range(4)] + [sequence([1]) for _ in range(4)])
    taken = queue.take(0, running_rows=0, free_rows=9, max_tokens=99, now=2.0)
    assert (len(taken.newcomers), len(taken.expired)) == (2, 4)


def test_an_engine_without_free_rows_leaves_the_expired_where_they_are() -> None:
    queue = WaitingQueue(max_queue_size=9, engines=1)
    queue.put([sequence([1], deadline=1.0)])
    taken = queue.take(0, running_rows=8, free_rows=0, max_tokens=99, worthwhile_rows=1, now=2.0)
    assert taken == ([], [])


def test_the_load_is_what_waits_and_what_runs() -> None:
    queue = WaitingQueue(max_queue_size=9, engines=2)
    texts = [sequence([1], rows=2, steps=10), sequence([1], steps=5), sequence([1], steps=3)]
    assert queue.load() == (0, 0, 0, 0)
    for text in texts:
        queue.put([text])
    assert queue.load() == (4, 4, 28, 0)
    assert take(queue, 0, free=2) == texts[:1]
    assert queue.load() == (4, 2, 8, 0)
    queue.remove(texts[2])
    assert queue.load() == (3, 1, 5, 0)
    take(queue, 1, running=1)
    assert queue.load() == (4, 0, 0, 0)
    queue.put(texts)
    queue.close()
    assert queue.load() == (4, 0, 0, 0)


def test_the_load_tells_what_has_its_turn_first_from_what_comes_later() -> None:
    queue = WaitingQueue(max_queue_size=99, engines=1)
    queue.put([sequence([1], rows=2, steps=10) for _ in range(6)])
    assert queue.load() == (12, 2, 20, 10)
    assert queue.load(texts_before=4) == (12, 10, 100, 2)
    assert queue.load(texts_before=5) == (12, 12, 120, 0)


def test_room_can_be_asked_for() -> None:
    queue = WaitingQueue(max_queue_size=1, engines=1)
    queue.snapshot().check_room(1, "a", texts_ahead=0)
    with pytest.raises(QueueFullError):
        queue.snapshot().check_room(1, "a", texts_ahead=1)
    queue.put([sequence([1])])
    with pytest.raises(QueueFullError):
        queue.snapshot().check_room(1, "a", texts_ahead=0)


def test_who_sends_little_does_not_wait_for_who_sends_much() -> None:
    queue = WaitingQueue(max_queue_size=999, engines=1)
    much = [sequence([1]) for _ in range(100)]
    for text in much:
        queue.put([text], Sender("much"))
    assert take(queue, free=10) == much[:10]
    little = sequence([2])
    queue.put([little], Sender("little"))
    assert take(queue, free=1) == [little]


def test_callers_who_send_much_are_served_alike_however_long_their_texts() -> None:
    queue = WaitingQueue(max_queue_size=999, engines=1)
    for _ in range(100):
        queue.put([sequence([1], steps=10)], Sender("short"))
        queue.put([sequence([2], steps=40)], Sender("long"))
    taken = [text for _ in range(50) for text in take(queue, free=1)]
    steps = {
        first: sum(t.expected_steps for t in taken if t.source_ids == [first]) for first in (1, 2)
    }
    assert steps[1] == pytest.approx(steps[2], abs=40)


def test_who_comes_back_has_no_credit_for_the_time_away() -> None:
    queue = WaitingQueue(max_queue_size=999, engines=1)
    for _ in range(100):
        queue.put([sequence([1])], Sender("always"))
    assert len(take(queue, free=50)) == 50
    for _ in range(20):
        queue.put([sequence([2])], Sender("back"))
    taken = [text.source_ids for _ in range(20) for text in take(queue, free=1)]
    assert taken.count([1]) == pytest.approx(10, abs=1)


def test_one_caller_leaves_room_for_others_and_may_still_send_one_large_request() -> None:
    queue = WaitingQueue(max_queue_size=90, engines=1)
    queue.put([sequence([1]) for _ in range(60)], Sender("greedy"))
    queue.put([sequence([1]) for _ in range(20)], Sender("greedy"))
    with pytest.raises(QueueFullError, match="80 texts of this connection are waiting, and 1 more"):
        queue.put([sequence([1])], Sender("greedy"))
    queue.put([sequence([2])], Sender("other"))
    whole = WaitingQueue(max_queue_size=90, engines=1)
    whole.put([sequence([1]) for _ in range(90)], Sender("greedy"))
    with pytest.raises(QueueFullError, match="90 of at most 90"):
        whole.put([sequence([2])], Sender("other"))


def test_the_load_of_a_caller_is_what_is_served_before_him() -> None:
    queue = WaitingQueue(max_queue_size=99, engines=1)
    for _ in range(40):
        queue.put([sequence([1], steps=10)], Sender("much"))
    # Himself and one text of the other caller's.
    assert queue.load(Sender("little")) == (40, 1, 10, 39)
    assert queue.load(Sender("much")) == (40, 40, 400, 0)
    queue.put([sequence([2], steps=10)], Sender("little"))
    assert queue.load(Sender("little")) == (41, 3, 30, 38)
    for caller in ("much", "little", "nobody"):
        assert queue.snapshot().load(caller) == pytest.approx(queue.load(Sender(caller)), abs=1)


def test_wait_returns_when_a_text_arrives() -> None:
    queue = WaitingQueue(max_queue_size=2, engines=1)
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(queue.wait()))
    thread.start()
    queue.put([sequence([1])])
    thread.join(timeout=10)
    assert answers == [True]


def test_close_wakes_waiters_and_returns_what_was_left() -> None:
    queue = WaitingQueue(max_queue_size=2, engines=1)
    left = sequence([1])
    queue.put([left])
    assert queue.close() == [left]
    assert not queue.wait()
