import pytest

from dragoman.errors import ConnectError, DeadlineExceededError, ServerError
from dragoman.options import Options
from dragoman.streaming.retry import ATTEMPTS, CALL_SECONDS, MAX_BACKOFF_SECONDS, delay_seconds
from dragoman.streaming.window import Window
from tests.clients.fake_server import answer, draining, queue_full, refusal


def window_of(texts: str, *, size: int = 10, timeout: float | None = None) -> Window:
    """A window that has read one text per letter."""
    window = Window(Options(), size=size, timeout=timeout)
    for text in texts:
        window.add(text)
    return window


def take(window: Window, now: float = 0.0) -> str:
    """The texts that are sent now."""
    sent = []
    while (request := window.take(now)) is not None:
        sent.append(request)
    return "".join(request.content for request in sent)


def test_texts_are_sent_in_order_and_once() -> None:
    window = window_of("abc")
    assert take(window) == "abc"
    assert take(window) == ""


def test_there_is_room_until_the_window_is_full_and_again_when_a_result_is_taken() -> None:
    window = window_of("ab", size=2)
    first = window.take(0.0)
    assert first is not None
    assert not window.has_room
    window.answer(answer(first), 0.0)
    assert not window.has_room
    assert window.pop() is not None
    assert window.has_room


def test_a_refused_text_waits_for_what_the_server_asked() -> None:
    window = window_of("ab")
    first = window.take(0.0)
    assert first is not None
    window.answer(refusal(first, queue_full(0.5)), 10.0)
    assert take(window, 10.4) == "b"
    assert window.seconds_to_event(10.4) == pytest.approx(0.1, abs=0.26)
    assert take(window, 10.76) == "a"


def test_what_a_lost_call_left_is_sent_again_in_order() -> None:
    window = window_of("abcd")
    requests = [window.take(0.0) for _ in range(3)]
    assert requests[1] is not None
    window.answer(answer(requests[1]), 0.0)
    window.lose_call(ConnectError("broken"), 0.0)
    assert not window.should_open(0.0)
    later = MAX_BACKOFF_SECONDS
    assert window.should_open(later)
    assert take(window, later) == "acd"


def test_a_draining_server_is_sent_nothing_more() -> None:
    window = window_of("ab")
    first = window.take(0.0)
    assert first is not None
    window.answer(refusal(first, draining()), 0.0)
    assert take(window) == ""
    assert window.nothing_to_send(0.0)
    window.lose_call(None, 0.0)
    assert take(window, MAX_BACKOFF_SECONDS) == "ab"


def test_an_old_call_is_ended_from_this_side_and_the_next_one_opened_at_once() -> None:
    window = window_of("ab")
    first = window.take(10.0)
    assert first is not None
    assert not window.nothing_to_send(9.9 + CALL_SECONDS)
    assert window.nothing_to_send(10.0 + CALL_SECONDS)
    window.answer(answer(first), 10.0 + CALL_SECONDS)
    window.lose_call(None, 11.0 + CALL_SECONDS)
    assert window.should_open(11.0 + CALL_SECONDS)
    assert take(window, 11.0 + CALL_SECONDS) == "b"
    assert not window.nothing_to_send(10.9 + 2 * CALL_SECONDS)


def test_an_old_call_that_leaves_texts_unanswered_is_a_lost_one() -> None:
    window = window_of("a")
    take(window)
    window.lose_call(None, CALL_SECONDS)
    assert not window.should_open(CALL_SECONDS)


def test_progress_makes_the_stream_patient_and_lost_calls_end_it() -> None:
    window = window_of("ab")
    first = window.take(0.0)
    assert first is not None
    window.answer(answer(first), 0.0)
    for _ in range(ATTEMPTS - 1):
        window.lose_call(ConnectError("broken"), 0.0)
        window.raise_failure(0.0)
    window.lose_call(ConnectError("broken"), 0.0)
    with pytest.raises(ConnectError):
        window.raise_failure(0.0)


def test_an_error_that_lasts_ends_the_stream_at_once() -> None:
    window = window_of("a")
    take(window)
    window.lose_call(ServerError("a bug"), 0.0)
    with pytest.raises(ServerError):
        window.raise_failure(0.0)


def test_a_call_lost_while_nothing_waits_is_no_failure() -> None:
    window = window_of("")
    window.lose_call(ServerError("a bug"), 0.0)
    window.raise_failure(0.0)
    assert window.seconds_to_event(0.0) is None


def test_the_timeout_counts_from_the_last_answer() -> None:
    window = window_of("ab", timeout=1.0)
    first = window.take(0.0)
    take(window)
    assert first is not None
    window.answer(answer(first), 0.9)
    window.raise_failure(1.8)
    assert window.seconds_to_event(1.8) == pytest.approx(0.1)
    with pytest.raises(DeadlineExceededError):
        window.raise_failure(1.9)


def test_an_idle_stream_does_not_time_out() -> None:
    window = window_of("a", timeout=1.0)
    first = window.take(0.0)
    assert first is not None
    window.answer(answer(first), 0.5)
    window.raise_failure(1000.0)


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_delays_grow_to_a_ceiling_and_are_spread(jitter: float) -> None:
    delays = [delay_seconds(n, ConnectError("broken"), lambda: jitter) for n in range(1, 12)]
    assert delays == sorted(delays)
    assert delays[0] == pytest.approx(0.1 + 0.1 * jitter)
    assert delays[-1] == pytest.approx(2.5 + 2.5 * jitter)
