import pytest

from dragoman.calls import Retries
from dragoman.calls.retry import FIRST_SECONDS, MAX_CONNECT_SECONDS, MOST_BREAKS
from dragoman.errors import ConnectError, DeadlineExceededError, QueueFullError, ServerError
from dragoman.options import Options
from dragoman.streaming.window import CALL_SECONDS, Window
from tests.clients.fake_server import answer, draining, queue_full, refusal

BROKEN = ConnectError("broken", reason="CONNECTION_BROKEN")
NOBODY = ConnectError("nobody is there", reason="UNREACHABLE")


def window_of(
    texts: str, *, size: int = 10, timeout: float | None = None, seconds: float | None = None
) -> Window:
    """A window that has read one text per letter."""
    window = Window(Options(), size=size, timeout=timeout, retries=Retries(seconds))
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


@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_a_text_that_is_refused_for_too_long_fails_alone(seconds: float) -> None:
    window = window_of("a", seconds=seconds)
    now = 0.0
    while (result := window.pop()) is None:
        request = window.take(now)
        assert request is not None
        window.answer(refusal(request, queue_full(0.5)), now)
        now += window.seconds_to_event(now) or 0.0
    assert isinstance(result.error, QueueFullError)
    assert seconds / 2 <= now <= seconds
    window.raise_failure(now)


def test_what_a_lost_call_left_is_sent_again_in_order() -> None:
    window = window_of("abcd")
    requests = [window.take(0.0) for _ in range(3)]
    assert requests[1] is not None
    window.answer(answer(requests[1]), 0.0)
    window.lose_call(ConnectError("broken"), 0.0)
    assert not window.should_open(0.0)
    later = 1.0
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
    assert take(window, 1.0) == "ab"


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


def lose(window: Window, error: ConnectError, *, until: float) -> float:
    """Loses a call again and again, each as soon as it may be opened; returns when."""
    now = 0.0
    while now < until:
        window.lose_call(error, now)
        window.raise_failure(now)
        now += window.seconds_to_event(now) or 0.0
    return now


def test_a_server_that_was_never_there_is_given_up_soon() -> None:
    window = window_of("a", timeout=60.0)
    with pytest.raises(ConnectError, match=r"^nobody is there$"):
        lose(window, NOBODY, until=FIRST_SECONDS + MAX_CONNECT_SECONDS)
    lose(window_of("a", timeout=60.0), NOBODY, until=FIRST_SECONDS - MAX_CONNECT_SECONDS)


def test_one_that_was_there_has_the_whole_timeout_to_come_back() -> None:
    window = window_of("ab", timeout=60.0)
    first = window.take(0.0)
    assert first is not None
    window.answer(answer(first), 0.0)
    lose(window, NOBODY, until=59.0)
    window.lose_call(NOBODY, 60.0)
    with pytest.raises(ConnectError, match="went away after 1 texts were answered: nobody"):
        window.raise_failure(60.0)


def test_a_stream_without_any_connection_times_out_too() -> None:
    window = window_of("a", timeout=2.0, seconds=100.0)
    with pytest.raises(ConnectError, match="nobody is there"):
        lose(window, NOBODY, until=3.0)


def test_a_caller_may_say_for_how_long_it_is_tried() -> None:
    lose(window_of("a", seconds=20.0), NOBODY, until=19.0)
    with pytest.raises(ConnectError):
        lose(window_of("a", seconds=20.0), NOBODY, until=21.0)
    with pytest.raises(ConnectError):
        lose(window_of("a", seconds=0.0), NOBODY, until=0.1)


def test_a_text_that_breaks_every_call_is_not_sent_for_ever() -> None:
    window = window_of("a")
    for _ in range(MOST_BREAKS - 1):
        window.lose_call(BROKEN, 0.0)
        window.raise_failure(0.0)
    window.lose_call(BROKEN, 0.0)
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
