"""Token buckets: never more than the rate and what was saved up, and when to come back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman_server.access.limits import MOST_CALLERS, RateLimits, TokenBucket
from dragoman_server.access.principal import Limits, Principal
from dragoman_server.errors import RateLimitedError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def caller(name: str = "acme", **limits: float) -> Principal:
    return Principal(name, limits=Limits(**limits))


def wait(limits: RateLimits, principal: Principal, texts: int = 1, code_points: int = 0) -> float:
    """Charges; returns for how long that is refused."""
    try:
        limits.charge(principal, texts, code_points)
    except RateLimitedError as error:
        return error.retry_after_seconds
    return 0.0


RATES = st.floats(0.001, 1e6)
ASKED = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1e6)), max_size=60)


@given(RATES, st.floats(1, 1e6), ASKED)
def test_no_more_is_taken_than_the_rate_and_a_burst(
    rate: float, capacity: float, asked: list[tuple[float, float]]
) -> None:
    now, bucket = 0.0, TokenBucket(rate, capacity, 0.0)
    taken: list[tuple[float, float]] = []
    for pause, amount in asked:
        now += pause
        if bucket.wait(amount, now) == 0:
            bucket.take(amount, now)
            taken.append((now, amount))
    largest = max((amount for _, amount in taken), default=0.0)
    for first in range(len(taken)):  # in any time, whenever it begins
        total = 0.0
        for at, amount in taken[first:]:
            total += amount
            allowed = rate * (at - taken[first][0]) + max(capacity, largest)
            assert total <= allowed * (1 + 1e-6) + rate * 2e-6


@given(RATES, st.floats(1, 1e6), ASKED, st.floats(0, 1e6))
def test_who_comes_back_when_told_is_let_in_and_not_before(
    rate: float, capacity: float, asked: list[tuple[float, float]], amount: float
) -> None:
    now, bucket = 0.0, TokenBucket(rate, capacity, 0.0)
    for pause, before in asked:
        now += pause
        if bucket.wait(before, now) == 0:
            bucket.take(before, now)
    seconds = bucket.wait(amount, now)
    if seconds > 1e-5:
        assert bucket.wait(amount, now + seconds / 2) > 0
    assert bucket.wait(amount, now + seconds) == 0


def test_texts_and_code_points_are_limited_at_once() -> None:
    clock = Clock()
    limits = RateLimits(clock=clock)
    acme = caller(texts_per_second=10, code_points_per_second=100, burst_seconds=1)
    assert wait(limits, acme, 5, 50) == 0
    assert wait(limits, acme, 6, 10) == pytest.approx(0.1)
    assert wait(limits, acme, 1, 70) == pytest.approx(0.2)
    assert wait(limits, acme, 5, 50) == 0  # nothing was taken by those that were refused


def test_what_is_larger_than_a_burst_is_let_in_by_a_full_bucket_and_paid_for_later() -> None:
    clock = Clock()
    limits = RateLimits(clock=clock)
    acme = caller(texts_per_second=10, burst_seconds=1)
    assert wait(limits, acme, 1) == 0
    assert wait(limits, acme, 30) == pytest.approx(0.1)
    clock.now += 0.1
    assert wait(limits, acme, 30) == 0
    assert wait(limits, acme, 1) == pytest.approx(2.1)
    with pytest.raises(RateLimitedError) as caught:
        limits.check(acme)
    assert caught.value.retry_after_seconds == pytest.approx(2.1)


def test_an_unread_call_is_refused_where_not_even_a_short_text_fits() -> None:
    clock = Clock()
    limits = RateLimits(clock=clock)
    acme = caller(code_points_per_second=10, burst_seconds=1)
    limits.check(acme)
    assert wait(limits, acme, 1, 15) == 0
    with pytest.raises(RateLimitedError):
        limits.check(acme)
    clock.now += 0.51
    limits.check(acme)


def test_callers_do_not_share() -> None:
    limits = RateLimits(clock=Clock())
    assert wait(limits, caller("a", texts_per_second=1, burst_seconds=1)) == 0
    assert wait(limits, caller("a", texts_per_second=1, burst_seconds=1)) > 0
    assert wait(limits, caller("b", texts_per_second=1, burst_seconds=1)) == 0


def test_who_has_no_limit_is_never_refused() -> None:
    limits = RateLimits(clock=Clock())
    assert all(wait(limits, caller(), 1000, 1_000_000) == 0 for _ in range(100))


def test_a_process_has_its_share_of_the_rate() -> None:
    clock = Clock()
    limits = RateLimits(share=0.25, clock=clock)
    acme = caller(texts_per_second=8, burst_seconds=1)
    assert [wait(limits, acme) for _ in range(3)] == [0, 0, pytest.approx(0.5)]


def test_new_limits_hold_at_once() -> None:
    limits = RateLimits(clock=Clock())
    acme = caller(texts_per_second=1, burst_seconds=1)
    assert wait(limits, acme) == 0
    assert wait(limits, acme) > 0
    assert wait(limits, caller(texts_per_second=10, burst_seconds=1)) == 0


def test_callers_without_end_take_no_memory() -> None:
    clock = Clock()
    limits = RateLimits(clock=clock)
    busy = caller("busy", texts_per_second=0.001, burst_seconds=1)
    assert wait(limits, busy) == 0
    for number in range(2 * MOST_CALLERS):
        wait(limits, caller(str(number), texts_per_second=100, burst_seconds=1))
        clock.now += 0.02
    assert len(limits._accounts) <= MOST_CALLERS
    assert wait(limits, busy) > 0  # it has had no rest


def test_where_nobody_rests_those_are_forgotten_who_came_first() -> None:
    limits = RateLimits(clock=Clock())
    for number in range(2 * MOST_CALLERS):
        assert wait(limits, caller(str(number), texts_per_second=1, burst_seconds=1)) == 0
    assert len(limits._accounts) <= MOST_CALLERS
    last = str(2 * MOST_CALLERS - 1)
    assert wait(limits, caller(last, texts_per_second=1, burst_seconds=1)) > 0


def test_a_clock_that_stands_or_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(1.0, 1.0, 100.0)
    bucket.take(1, 100.0)
    assert bucket.wait(1, 100.0) == 1.0
    assert bucket.wait(1, 50.0) == 1.0
    assert bucket.wait(1, 100.5) == 0.5
