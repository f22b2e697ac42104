import threading
from functools import partial

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dragoman_server.engine.demand import LINGER_SECONDS
from dragoman_server.engine.estimators import WideLine
from dragoman_server.engine.headroom import PATIENCE, Headroom
from dragoman_server.engine.lane import SPACING
from dragoman_server.engine.load import Load
from dragoman_server.engine.sender import Priority, Sender
from dragoman_server.engine.waiting_queue import WaitingQueue
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


def test_an_engine_that_runs_takes_no_fewer_than_are_worthwhile_or_all_that_wait() -> None:
    queue = WaitingQueue(max_queue_size=99, engines=1)
    for waiting in range(1, 7):
        queue.put([sequence([waiting])])
        least = queue.least_free_rows(4, now=0.0)
        assert least == min(4, waiting)
        take = partial(queue.take, 0, running_rows=1, worthwhile_rows=4, max_tokens=99)
        assert take(free_rows=least - 1).newcomers == []
    assert len(take(free_rows=4).newcomers) == 4


def test_an_engine_that_runs_takes_any_row_where_some_texts_are_held_back() -> None:
    queue = WaitingQueue(max_queue_size=99, engines=1)
    queue.put([sequence([1]) for _ in range(9)], Sender("b", priority=Priority.BULK))
    assert queue.least_free_rows(4, now=0.0) == 4
    queue.put([sequence([1])], Sender("a"))
    assert queue.least_free_rows(4, now=0.0) == 1


def test_rows_that_are_free_again_no_longer_run() -> None:
    queue = WaitingQueue(max_queue_size=99, engines=2)
    texts = [sequence([1]) for _ in range(4)]
    queue.put(texts)
    assert take(queue, 1) == texts[:2]
    assert queue.load().rows == 4
    queue.freed(1, texts[:1])
    queue.freed(1, texts[:1])  # which it no longer has
    assert queue.load().rows == 3


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
    queue.put([sequence([number] * 4) for number in range(5)])
    assert len(take(queue, tokens=10)) == 2


def test_a_text_that_comes_again_at_once_takes_none_of_the_budget() -> None:
    """It is encoded once: a text that is translated into many languages is taken for all."""
    queue = WaitingQueue(max_queue_size=99, engines=1)
    texts = [sequence([number] * 4) for number in (1, 1, 1, 2, 2, 2, 3, 1)]
    queue.put(texts)
    assert take(queue, tokens=10) == texts[:6]
    assert take(queue, tokens=10) == texts[6:]


def test_requests_for_the_same_texts_have_their_turns_text_by_text() -> None:
    queue = WaitingQueue(max_queue_size=99, engines=1)
    requests = [[sequence([number] * 4) for number in (1, 2, 3)] for _ in range(4)]
    for request in requests:
        queue.put(request, Sender(comes_with_others=True))
    each = [request[index] for index in range(3) for request in requests]
    assert take(queue, tokens=4) == each[:4]
    assert take(queue, tokens=8) == each[4:]


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
    assert queue.load() == Load(0, 0, 0, 0)
    for text in texts:
        queue.put([text])
    assert queue.load() == Load(4, 4, 28, 0)
    assert take(queue, 0, free=2) == texts[:1]
    assert queue.load() == Load(4, 2, 8, 0)
    queue.remove(texts[2])
    assert queue.load() == Load(3, 1, 5, 0)
    take(queue, 1, running=1)
    assert queue.load() == Load(4, 0, 0, 0)
    queue.put(texts)
    queue.close()
    assert queue.load() == Load(4, 0, 0, 0)


def test_the_load_tells_what_has_its_turn_first_from_what_comes_later() -> None:
    queue = WaitingQueue(max_queue_size=99, engines=1)
    queue.put([sequence([1], rows=2, steps=10) for _ in range(6)])
    assert queue.load() == Load(12, 2, 20, 10)
    assert queue.load(texts_before=4) == Load(12, 10, 100, 2)
    assert queue.load(texts_before=5) == Load(12, 12, 120, 0)


def test_room_can_be_asked_for() -> None:
    queue = WaitingQueue(max_queue_size=1, engines=1)
    queue.snapshot().check_room(1, Sender("a"), texts_ahead=0)
    with pytest.raises(QueueFullError):
        queue.snapshot().check_room(1, Sender("a"), texts_ahead=1)
    queue.put([sequence([1])])
    with pytest.raises(QueueFullError):
        queue.snapshot().check_room(1, Sender("a"), texts_ahead=0)


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
    with pytest.raises(QueueFullError, match="80 texts of this caller are waiting, and 1 more"):
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
    assert queue.load(Sender("little")) == Load(40, 1, 10, 39)
    assert queue.load(Sender("much")) == Load(40, 40, 400, 0)
    queue.put([sequence([2], steps=10)], Sender("little"))
    assert queue.load(Sender("little")) == Load(41, 3, 30, 38)
    for caller in ("much", "little", "nobody"):
        assert queue.snapshot().load(Sender(caller))[:4] == pytest.approx(
            queue.load(Sender(caller))[:4], abs=1
        )


def test_wait_returns_when_a_text_arrives() -> None:
    queue = WaitingQueue(max_queue_size=2, engines=1)
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(queue.wait()))
    thread.start()
    queue.put([sequence([1])])
    thread.join(timeout=60)
    assert answers == [True]


def test_an_engine_that_waits_gets_what_comes_with_others_together() -> None:
    queue = WaitingQueue(max_queue_size=9, engines=1)
    taken: list[int] = []

    def wait() -> None:
        queue.wait()
        taken.append(len(take(queue)))

    thread = threading.Thread(target=wait)
    thread.start()
    while not queue._waiters:
        thread.join(timeout=0.001)
    for _ in range(3):
        queue.put([sequence([1])], Sender(comes_with_others=True))
    thread.join(timeout=0.05)
    assert not taken
    queue.wake()
    thread.join(timeout=60)
    assert taken == [3]


def test_close_wakes_waiters_and_returns_what_was_left() -> None:
    queue = WaitingQueue(max_queue_size=2, engines=1)
    left = sequence([1])
    queue.put([left])
    assert queue.close() == [left]
    assert not queue.wait()


MUCH = 60
"""Texts, more than who has little has."""


def held_by(headroom_rows: float, *, had_share: bool = True) -> Headroom:
    """Returns a headroom of so many rows; whether what is held back had its share of the work."""
    line = WideLine(100)
    for _ in range(100):
        for rows in (1, 100):
            line.observe(rows, 1 + PATIENCE / headroom_rows * (rows - 1))
    headroom = Headroom(line)
    headroom.observe(0, 1000 if had_share else 0, 0.0)
    return headroom


def busy_queue(*, engines: int = 1) -> WaitingQueue:
    """Returns a queue with a heavy caller's texts, [1], and two of a light one, [2]."""
    queue = WaitingQueue(max_queue_size=999, engines=engines)
    queue.put([sequence([1]) for _ in range(MUCH)], Sender("heavy"))
    queue.put([sequence([2]) for _ in range(2)], Sender("light"))
    return queue


def take_held(
    queue: WaitingQueue, *, running: int = 0, free: int = 99, rows: float = 10, now: float = 0.0
) -> list[int]:
    """Returns whose texts an engine takes."""
    taken = queue.take(
        0,
        running_rows=running,
        free_rows=free,
        max_tokens=999,
        headroom=held_by(rows),
        now=now,
    )
    return [text.source_ids[0] for text in taken.newcomers]


def test_beside_light_callers_a_heavy_one_is_taken_up_to_the_headroom() -> None:
    queue = busy_queue()
    taken = take_held(queue, rows=10.5)
    assert (taken.count(2), len(taken)) == (2, 10)
    assert take_held(queue, running=10) == []


def test_light_callers_are_taken_beyond_the_headroom() -> None:
    assert take_held(busy_queue(), running=10) == [2, 2]


def test_what_is_held_back_is_taken_once_room_for_it_is_worth_an_encoder_run() -> None:
    queue = busy_queue()
    take_held(queue, rows=40.5)
    assert take_held(queue, running=36, rows=40.5) == []
    assert len(take_held(queue, running=35, rows=40.5)) == 5


def test_it_knows_how_much_of_what_waits_and_runs_is_bulk() -> None:
    queue = WaitingQueue(max_queue_size=9, engines=2)
    bulk = [sequence([1]) for _ in range(3)]
    queue.put(bulk, Sender("b", priority=Priority.BULK))
    queue.put([sequence([2]) for _ in range(2)], Sender("a"))
    assert (queue.bulk_waiting, queue.bulk_running) == (3, 0)
    for engine in range(2):
        take(queue, engine)
    assert (queue.bulk_waiting, queue.bulk_running) == (0, 3)
    for engine in range(2):
        queue.freed(engine, bulk[:2])
    assert (queue.bulk_waiting, queue.bulk_running) == (0, 1)


def test_bulk_is_held_back_beside_a_light_caller_as_a_heavy_one_is() -> None:
    queue = WaitingQueue(max_queue_size=999, engines=1)
    queue.put([sequence([1])], Sender("bulk", priority=Priority.BULK))
    queue.put([sequence([2])], Sender("light"))
    assert take_held(queue, running=10) == [2]
    assert take_held(queue, running=5) == [1]


def test_nobody_is_held_back_once_light_callers_are_gone_for_a_while() -> None:
    queue = busy_queue()
    light = [text for text in take(queue, free=4) if text.source_ids == [2]]
    queue.freed(0, light, now=3.0)
    assert take_held(queue, running=10, now=3.5) == []
    assert len(take_held(queue, running=10, now=4.0 + LINGER_SECONDS)) == MUCH - 2


def test_a_caller_alone_is_not_held_back_beside_himself() -> None:
    """What he had a moment ago was little, and was nobody else's."""
    queue = WaitingQueue(max_queue_size=999, engines=1)
    queue.put([sequence([1])], Sender("alone"))
    queue.freed(0, take(queue), now=0.0)
    queue.put([sequence([1]) for _ in range(MUCH)], Sender("alone"))
    assert len(take_held(queue, running=10, now=0.1)) == MUCH


def test_what_had_less_than_its_share_is_taken_however_little_room_there_is() -> None:
    queue = busy_queue()
    assert take_held(queue, rows=0.5) == [2, 2]
    queue = busy_queue()
    headroom = held_by(0.5, had_share=False)
    taken = queue.take(0, running_rows=0, free_rows=9, max_tokens=99, headroom=headroom, now=0.0)
    assert [1] in [text.source_ids for text in taken.newcomers]


def test_an_idle_engine_takes_what_is_held_back_where_nothing_else_waits() -> None:
    queue = busy_queue()
    assert take_held(queue, rows=0.5) == [2, 2]
    assert take_held(queue, running=1, rows=0.5) == []
    assert take_held(queue, rows=0.5) == [1]


def test_a_light_text_does_not_wait_for_rows_that_are_worth_an_encoder_run() -> None:
    taken = busy_queue().take(
        0,
        running_rows=98,
        free_rows=2,
        max_tokens=99,
        worthwhile_rows=8,
        headroom=held_by(10),
        now=0.0,
    )
    assert [text.source_ids for text in taken.newcomers] == [[2], [2]]


def test_light_texts_are_spread_over_engines_however_much_a_heavy_caller_has() -> None:
    queue = busy_queue(engines=2)
    queue.take(1, running_rows=4, free_rows=0, max_tokens=0, now=0.0)
    assert take_held(queue, running=12) == []
    assert take_held(queue, running=5, rows=3) == [2]


def test_a_light_caller_is_predicted_no_more_than_runs_beside_him() -> None:
    queue = busy_queue()
    take_held(queue, rows=10)
    light, heavy = queue.load(Sender("light")), queue.load(Sender("heavy"))
    assert light.rows_at_once == heavy.rows_at_once == pytest.approx(10, rel=0.01)
    assert light.held_beside is None
    assert heavy.held_beside == 2
    for caller in ("light", "heavy"):
        assert queue.snapshot().load(Sender(caller))[-2:] == queue.load(Sender(caller))[-2:]


def test_bulk_waits_for_what_is_interactive_which_waits_for_a_share_of_bulk() -> None:
    queue = WaitingQueue(max_queue_size=999, engines=1)
    queue.put([sequence([1], steps=10) for _ in range(90)], Sender("a"))
    queue.put([sequence([2], steps=10) for _ in range(90)], Sender("b", priority=Priority.BULK))
    assert queue.load(Sender("a", texts_before=89)) == Load(180, 100, 1000, 80)
    bulk = Sender("b", texts_before=89, priority=Priority.BULK)
    assert queue.load(bulk) == Load(180, 180, 1800, 0)
    # One of the other caller's, and nine for each of these.
    assert queue.load(Sender("c", priority=Priority.BULK)).waiting_rows == pytest.approx(19, abs=1)


class Anything(RuleBasedStateMachine):
    """Callers of both classes and two engines do what they may, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = WaitingQueue(max_queue_size=200, engines=2)
        self.now = 0.0
        self.waiting: dict[Sequence, None] = {}
        """In order, so that what is drawn of them is the same each time."""
        self.running: list[list[Sequence]] = [[], []]

    @rule(
        texts=st.integers(1, 60),
        caller=st.sampled_from("abc"),
        priority=st.sampled_from(Priority),
        rows=st.sampled_from([1, 1, 1, 4]),
        weight=st.sampled_from([0.5, 1.0, 4.0]),
    )
    def put(self, texts: int, caller: str, priority: Priority, rows: int, weight: float) -> None:
        batch = [sequence([1], rows=rows, steps=3, deadline=self.now + 5) for _ in range(texts)]
        for text in batch:
            text.arrived_at = self.now
        try:
            self.queue.put(batch, Sender(caller, 0, priority, weight))
        except QueueFullError:
            return
        self.waiting.update(dict.fromkeys(batch))

    @rule(engine=st.integers(0, 1), room=st.floats(0.1, 50), seconds=st.floats(0, 2))
    def take(self, engine: int, room: float, seconds: float) -> None:
        self.now += seconds
        held = sum(text.rows for text in self.running[engine])
        taken = self.queue.take(
            engine,
            running_rows=held,
            free_rows=64 - held,
            max_tokens=20,
            worthwhile_rows=4,
            headroom=held_by(room),
            now=self.now,
        )
        left = {*taken.newcomers, *taken.expired}
        assert len(left) == len(taken.newcomers) + len(taken.expired)
        assert left <= self.waiting.keys()
        for text in left:
            del self.waiting[text]
        assert held + sum(text.rows for text in taken.newcomers) <= 64
        self.running[engine] += taken.newcomers

    @rule(engine=st.integers(0, 1), texts=st.integers(1, 30))
    def end(self, engine: int, texts: int) -> None:
        ended, self.running[engine] = self.running[engine][:texts], self.running[engine][texts:]
        self.queue.freed(engine, ended, self.now)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        text = list(self.waiting)[data.draw(st.integers(0, len(self.waiting) - 1))]
        assert self.queue.remove(text)
        assert not self.queue.remove(text)
        del self.waiting[text]

    @invariant()
    def counts_what_waits(self) -> None:
        assert len(self.queue) == len(self.waiting)
        load = self.queue.load(Sender("a"))
        waiting = sum(text.rows for text in self.waiting)
        assert load.waiting_rows + load.rows_behind == waiting

    def teardown(self) -> None:
        """Whatever happened, engines get to all that waits."""
        for _ in range(2000):
            for engine in (0, 1):
                self.end(engine, 99)
                self.take(engine, 1.0, 0.0)
            if not self.waiting:
                return
        raise AssertionError("something is never taken")


TestAnything = Anything.TestCase
TestAnything.settings = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # on a busy machine
)
