import math

import pytest

from dragoman_server.engine.estimators import Line
from dragoman_server.engine.forecast import (
    ENOUGH_STEPS,
    ENOUGH_TEXTS,
    GIVEN_UP,
    LARGEST_MARGIN,
    Forecast,
    Promise,
    step_costs,
)
from dragoman_server.engine.lane import Work
from dragoman_server.engine.lanes import ClassSnapshot
from dragoman_server.engine.load import Load, Snapshot
from dragoman_server.engine.outlook import LEAST_RETRY_SECONDS, TRY_EVERY, UNREAD
from dragoman_server.engine.sender import ANYBODY
from dragoman_server.errors import WouldExpireError
from dragoman_server.sequence import Sequence, TranslationOptions

OPTIONS = TranslationOptions(1000)
NOTHING = ClassSnapshot(Work(0, 0), 0, {})
IDLE = Load(0, 0, 0)
BUSY = Load(rows=8, waiting_rows=0, waiting_steps=0)


def costs(seconds: float = 0.01, per_row: float = 0.001, steps: int = 1000) -> Line:
    line = step_costs()
    for step in range(steps):
        rows = step % 8 + 1
        line.observe(rows, seconds + per_row * rows)
    return line


def queue(*, running: int) -> Snapshot:
    return Snapshot(running, NOTHING, NOTHING, 8)


def forecast(*lines: Line, places: int = 8, texts: int = 100, ratio: int = 2) -> Forecast:
    lines = lines or (costs(),)
    subject = Forecast(lines, engines=len(lines), places=places)
    for _ in range(texts):
        subject.observe_texts([(10, 10 * ratio)])
    return subject


def text(steps: int, *, rows: int = 1) -> Sequence:
    options = TranslationOptions(1000, beam_size=rows)
    return Sequence([1], options, expected_steps=steps)


def step(rows: float) -> float:
    """What a step takes, as `costs` has it by default."""
    return 0.01 + 0.001 * rows


def about(seconds: float) -> object:
    return pytest.approx(seconds, rel=0.02)


def test_steps_are_the_targets_usual_length_and_the_end_token() -> None:
    assert forecast(ratio=2).steps(10, OPTIONS) == 21
    assert forecast(ratio=3).steps(4, OPTIONS) == 13


def test_steps_keep_the_texts_own_limits() -> None:
    subject = forecast(ratio=2)
    assert subject.steps(10, TranslationOptions(5)) == 6
    assert subject.steps(10, TranslationOptions(100, min_decoding_length=50)) == 51
    assert subject.steps(10, TranslationOptions(100, target_prefix=(7,) * 30)) == 31


def test_a_text_alone_takes_its_steps() -> None:
    assert forecast().seconds([text(20)], IDLE) == about(20 * step(1))


def test_others_make_each_step_longer_shared_between_the_engines() -> None:
    load = Load(5, 0, 0)
    assert forecast().seconds([text(20)], load) == about(20 * step(6))
    subject = forecast(costs(), costs(), places=16)
    assert subject.seconds([text(20)], load) == about(20 * step(3))


def test_an_engine_that_never_ran_is_thought_to_be_like_the_others() -> None:
    subject = forecast(costs(), step_costs(), places=16)
    assert subject.seconds([text(20)], IDLE) == about(20 * step(1))


def test_what_finds_no_place_waits_for_the_steps_of_those_before_it() -> None:
    load = Load(rows=8 + 16, waiting_rows=16, waiting_steps=16 * 50)
    expected = (20 + (16 * 50 + 20) / 8) * step(8)
    assert forecast().seconds([text(20)], load) == about(expected)


def test_nobody_waits_for_those_whose_turn_is_later() -> None:
    load = Load(rows=8 + 16, waiting_rows=0, waiting_steps=0, rows_behind=16)
    expected = (20 + 20 / 8) * step(8)
    assert forecast().seconds([text(20)], load) == about(expected)


def test_where_others_are_held_back_a_step_is_of_the_rows_that_run() -> None:
    load = Load(rows=1000, waiting_rows=0, waiting_steps=0, rows_behind=990, rows_at_once=3)
    assert forecast().seconds([text(20)], load) == about((20 + 3 * 20 / 8) * step(3))


def test_what_is_held_back_waits_for_the_places_that_it_may_take() -> None:
    load = Load(rows=2 + 100, waiting_rows=99, waiting_steps=99 * 50, rows_at_once=5, held_beside=2)
    # Of 103 rows five run, two of which are others'; those before it have three places.
    expected = (20 + 98 * (99 * 50 + 20) / 100 / 3) * step(5)
    assert forecast().seconds([text(20)], load) == about(expected)


def test_what_is_held_back_has_a_place_on_each_engine_however_many_the_others_have() -> None:
    load = Load(rows=10, waiting_rows=2, waiting_steps=20, rows_at_once=5, held_beside=6)
    expected = (20 + 4 * (20 + 20) / 3) * step(5)
    assert forecast().seconds([text(20)], load) == about(expected)


def test_a_wide_beam_takes_as_many_places() -> None:
    load = Load(rows=8, waiting_rows=0, waiting_steps=0)
    assert forecast().seconds([text(10, rows=4)], load) == about((10 + 4 * 10 / 8) * step(8))


def test_a_request_takes_as_long_as_its_longest_text() -> None:
    together = forecast().seconds([text(5), text(40), text(3)], IDLE)
    assert together == about(40 * step(3))


def test_before_enough_was_seen_nothing_is_predicted_nor_refused() -> None:
    few_steps = forecast(costs(steps=ENOUGH_STEPS - 1))
    few_texts = forecast(texts=ENOUGH_TEXTS - 1)
    for subject in (few_steps, few_texts):
        assert subject.seconds([text(20)], BUSY) == 0
        assert subject.outlook(queue(running=8)).seconds_of(UNREAD, ANYBODY) == 0
        assert subject.usual_seconds(queue(running=8)) == 0
        subject.check(0.0, remaining=-1.0, load=BUSY)
    enough = forecast(costs(steps=ENOUGH_STEPS), texts=ENOUGH_TEXTS)
    assert enough.seconds([text(20)], BUSY) > 0


def test_what_would_be_late_is_refused_with_both_times_and_the_excess() -> None:
    with pytest.raises(WouldExpireError, match=r"about 2\.50 s.* in 0\.80 s") as caught:
        forecast().check(2.5, 0.8, BUSY)
    assert caught.value.reason == "WOULD_EXPIRE"
    assert caught.value.retry_after_seconds == pytest.approx(1.7)
    assert caught.value.remaining_seconds == 0.8


def test_what_would_be_late_by_a_trifle_is_not_asked_to_come_back_at_once() -> None:
    with pytest.raises(WouldExpireError) as caught:
        forecast().check(1.0, 0.9999, BUSY)
    assert caught.value.retry_after_seconds == LEAST_RETRY_SECONDS


def test_what_will_be_in_time_or_has_no_deadline_is_taken() -> None:
    forecast().check(2.5, 2.6, BUSY)
    forecast().check(2.5, math.inf, BUSY)


def test_for_an_idle_engine_the_margin_does_not_count() -> None:
    subject = forecast(costs(), costs(), places=16)
    subject.observe_end(promise(), translated=True, now=20.0)
    subject.check(2.5, 2.51, Load(1, 0, 0))
    for remaining, rows in ((2.51, 2), (2.4, 1), (0.0, 0), (-1.0, 0)):
        with pytest.raises(WouldExpireError):
            subject.check(2.5, remaining, Load(rows, 0, 0))


def test_an_idle_engine_tries_some_of_the_hopeless_and_so_learns() -> None:
    subject = forecast()
    tried = 0
    for _ in range(10 * TRY_EVERY):
        try:
            subject.check(2.5, 0.001, IDLE)
        except WouldExpireError:
            continue
        tried += 1
    assert tried == 10


def test_a_request_that_nobody_has_read_counts_as_the_shortest_of_just_before() -> None:
    subject = forecast(ratio=1, texts=256)
    least = [subject.outlook(queue(running=3)).seconds_of(UNREAD, ANYBODY)]
    for tokens in (4, *[20] * 255, *[20] * 256):
        subject.observe_texts([(tokens, tokens)])
        least.append(subject.outlook(queue(running=3)).seconds_of(UNREAD, ANYBODY))
    assert least[0] == about(11 * step(4))
    assert least[1] == least[256] == about(5 * step(4))
    assert least[-1] == about(21 * step(4))


def test_what_is_not_known_yet_is_predicted_a_step() -> None:
    subject = forecast(ratio=1)
    assert subject.outlook(queue(running=3)).seconds_of(UNREAD, ANYBODY) == about(step(4))


def promise(*, predicted: float = 1.0, due: float = math.inf, texts: int = 1) -> Promise:
    return Promise(arrived_at=10.0, due=due, predicted_seconds=predicted, texts_left=texts)


def test_requests_that_take_longer_than_predicted_raise_the_margin() -> None:
    subject = forecast()
    subject.observe_end(promise(), translated=True, now=11.5)
    assert subject.margin == pytest.approx(1 + 0.97 * 0.05)


def test_requests_that_keep_the_prediction_lower_the_margin_slowly() -> None:
    subject = forecast()
    subject.observe_end(promise(), translated=True, now=10.9)
    assert subject.margin == pytest.approx(1 - 0.03 * 0.05)


def test_a_request_given_up_at_its_deadline_counts_as_longer_than_it_had() -> None:
    subject = forecast()
    barely = 1 / GIVEN_UP + 0.01
    subject.observe_end(promise(due=10 + barely), translated=False, now=10 + barely)
    assert subject.margin > 1


@pytest.mark.parametrize("due", [math.inf, 30.0])
def test_a_request_given_up_before_its_deadline_says_nothing(due: float) -> None:
    subject = forecast()
    subject.observe_end(promise(due=due), translated=False, now=15.0)
    assert subject.margin == 1


def test_a_request_that_nothing_was_predicted_says_nothing() -> None:
    subject = forecast()
    subject.observe_end(promise(predicted=0.0), translated=True, now=15.0)
    assert subject.margin == 1


def test_a_request_of_many_texts_is_judged_once_by_its_last() -> None:
    subject, many = forecast(), promise(texts=3)
    subject.observe_end(many, translated=True, now=12.0)
    subject.observe_end(many, translated=True, now=12.0)
    assert subject.margin == 1
    subject.observe_end(many, translated=True, now=12.0)
    assert subject.margin > 1


def test_a_request_that_failed_in_part_says_nothing() -> None:
    subject, many = forecast(), promise(texts=2)
    subject.observe_end(many, translated=False, now=12.0)
    subject.observe_end(many, translated=True, now=12.0)
    assert subject.margin == 1


def test_the_margin_decides_with_the_prediction() -> None:
    subject = forecast()
    subject.check(1.0, 1.2, BUSY)
    for _ in range(10):
        subject.observe_end(promise(), translated=True, now=20.0)
    with pytest.raises(WouldExpireError):
        subject.check(1.0, 1.2, BUSY)
    for _ in range(1000):
        subject.observe_end(promise(), translated=True, now=1000.0)
    assert subject.margin == LARGEST_MARGIN


def test_the_usual_text_is_predicted_with_the_margin() -> None:
    subject = forecast(ratio=2)
    assert subject.usual_seconds(queue(running=0)) == about(21 * step(1))
    subject.observe_end(promise(), translated=True, now=20.0)
    assert subject.usual_seconds(queue(running=0)) == about(21 * step(1) * subject.margin)


def test_engines_are_at_ease_while_more_than_half_of_their_rows_are_free() -> None:
    seen, unseen = forecast(places=8), forecast(places=8, texts=0)
    assert [seen.outlook(queue(running=rows)).is_at_ease for rows in (0, 4, 5)] == [
        True,
        True,
        False,
    ]
    waiting = ClassSnapshot(Work(3, 60), 3, {"a": 3})
    assert not seen.outlook(queue(running=2)._replace(interactive=waiting)).is_at_ease
    # As long as nothing is predicted only the room in the queue counts, here for 8.
    assert unseen.outlook(queue(running=1)._replace(interactive=waiting)).is_at_ease
    assert not unseen.outlook(queue(running=2)._replace(bulk=waiting)).is_at_ease
