import pytest

from dragoman.calls import Attempts, Retries, may_pass
from dragoman.calls.retry import FIRST_SECONDS, MOST_BREAKS, delay_seconds
from dragoman.errors import (
    CallCancelledError,
    ConnectError,
    DeadlineExceededError,
    DragomanError,
    InvalidArgumentError,
    QueueFullError,
    ServerError,
    UnavailableError,
)

NOBODY = ConnectError("nobody is there", reason="UNREACHABLE")
BROKEN = ConnectError("broken", reason="CONNECTION_BROKEN")
DRAINING = UnavailableError("draining", reason="DRAINING")


def full(asked: float | None = None, reason: str = "QUEUE_FULL") -> QueueFullError:
    error = QueueFullError("the queue is full", reason=reason)
    error.retry_after = asked
    return error


def reached() -> Retries:
    retries = Retries()
    retries.note_answer()
    return retries


def seconds_tried(attempts: Attempts, error: DragomanError) -> float:
    """For how long a request that always fails so is tried again; at most 1,000 s."""
    now = 0.0
    while now < 1000:
        try:
            now += attempts.delay(error, now)
        except DragomanError:
            break
    return now


@pytest.mark.parametrize("error", [NOBODY, DRAINING, full(), full(0.5)], ids=str)
def test_what_may_pass_is_tried_until_the_deadline(error: DragomanError) -> None:
    assert 52 < seconds_tried(Attempts(reached(), 60.0, 0.0), error) < 60
    assert seconds_tried(Attempts(reached(), None, 0.0), error) >= 1000


def test_a_server_that_was_never_reached_is_given_up_soon() -> None:
    tried = seconds_tried(Attempts(Retries(), 60.0, 0.0), NOBODY)
    assert FIRST_SECONDS - 0.5 < tried <= FIRST_SECONDS


@pytest.mark.parametrize(
    "error", [DRAINING, full(), ConnectError("health", reason="NOT_READY")], ids=str
)
def test_one_that_says_so_itself_is_there(error: DragomanError) -> None:
    assert seconds_tried(Attempts(Retries(), 60.0, 0.0), error) > 52


@pytest.mark.parametrize("seconds", [0.0, 2.0, 100.0])
def test_a_caller_may_say_for_how_long(seconds: float) -> None:
    for error in (NOBODY, DRAINING):
        tried = seconds_tried(Attempts(Retries(seconds), 60.0, 0.0), error)
        assert max(0.0, min(seconds, 60.0) - 1.1) <= tried <= seconds


def test_a_request_that_breaks_every_call_is_not_sent_for_ever() -> None:
    for error in (BROKEN, CallCancelledError("stopped")):
        attempts = Attempts(reached(), None, 0.0)
        for _ in range(MOST_BREAKS - 1):
            attempts.delay(error, 0.0)
        with pytest.raises(type(error)):
            attempts.delay(error, 0.0)


@pytest.mark.parametrize(
    "error",
    [
        ServerError("a bug"),
        InvalidArgumentError("wrong"),
        ConnectError("expired", reason="TLS_FAILED"),
    ],
    ids=str,
)
def test_what_will_not_pass_is_not_tried_again(error: DragomanError) -> None:
    assert not may_pass(error)
    with pytest.raises(type(error)):
        Attempts(reached(), None, 0.0).delay(error, 0.0)


def test_all_attempts_share_one_deadline() -> None:
    attempts = Attempts(reached(), 2.0, 10.0)
    assert attempts.seconds_left(10.0) == 2.0
    assert attempts.seconds_left(11.5) == 0.5
    assert Attempts(reached(), None, 0.0).seconds_left(99.0) is None


def test_a_delay_that_ends_after_the_deadline_is_not_waited_for() -> None:
    attempts = Attempts(reached(), 2.0, 0.0)
    with pytest.raises(QueueFullError):
        attempts.delay(full(2.5), 0.0)


def test_what_the_server_finds_too_late_is_a_deadline() -> None:
    for retries in (reached(), Retries(0.0)):
        attempts = Attempts(retries, 0.001, 0.0)
        with pytest.raises(DeadlineExceededError) as caught:
            attempts.delay(full(0.5, "WOULD_EXPIRE"), 0.0)
        assert (caught.value.reason, caught.value.retry_after) == ("WOULD_EXPIRE", 0.5)


def test_each_address_of_a_name_has_its_cause_told() -> None:
    attempts = Attempts(Retries(), 60.0, 0.0)
    closed = ConnectError("does it want TLS?", reason="UNREACHABLE")
    attempts.delay(closed, 0.0)
    attempts.delay(NOBODY, 1.0)
    attempts.delay(closed, 2.0)
    with pytest.raises(ConnectError, match=r"^nobody is there; before: does it want TLS\?$"):
        attempts.delay(NOBODY, 5.0)


def test_a_deadline_says_what_was_before_it() -> None:
    attempts = Attempts(reached(), 2.0, 0.0)
    attempts.delay(NOBODY, 0.0)
    with pytest.raises(DeadlineExceededError, match="no answer; before: nobody is there"):
        attempts.delay(DeadlineExceededError("no answer"), 2.0)


@pytest.mark.parametrize(
    ("error", "least", "most"),
    [(BROKEN, 0.1, 2.5), (full(), 0.1, 2.5), (DRAINING, 0.1, 0.5), (NOBODY, 0.025, 0.125)],
)
@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_delays_grow_to_a_ceiling_and_are_spread(
    error: DragomanError, least: float, most: float, jitter: float
) -> None:
    delays = [delay_seconds(n, error, lambda: jitter) for n in range(1, 2000)]
    assert delays == sorted(delays)
    assert delays[0] == pytest.approx(least * (1 + jitter))
    assert delays[-1] == pytest.approx(most * (1 + jitter))


def test_a_delay_is_at_least_what_the_server_asks_for() -> None:
    assert delay_seconds(1, full(3.0), lambda: 0.0) == 3.0
    assert delay_seconds(1, full(3.0), lambda: 1.0) == 4.5
    assert delay_seconds(30, full(0.1), lambda: 0.0) == 2.5
