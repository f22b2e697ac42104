"""How long translations are."""

import pytest

from dragoman_server.quality import UNKNOWN, LengthNorm

NORM = LengthNorm(0.0, 0.2)


def test_bounds_are_some_deviations_and_some_tokens_away() -> None:
    least, most = NORM.bounds(40)
    assert (least, most) == (15, 95)  # 40 / e^0.8 - 3, 40 * e^0.8 + 6


def test_a_word_may_become_nothing_or_a_phrase() -> None:
    assert NORM.bounds(1) == (0, 8)


@pytest.mark.parametrize(("target", "is_short"), [(26, True), (27, False), (60, False)])
def test_what_is_shorter_than_most_is_short(target: int, *, is_short: bool) -> None:
    assert NORM.is_short(target, 40) == is_short  # 40 / e^0.4 = 26.8
    assert NORM.least_usual(40) == 27


def test_a_bundle_that_says_nothing_has_the_widest_bounds() -> None:
    assert UNKNOWN.bounds(100) == (18, 501)
    assert LengthNorm(0.0, 0.0).bounds(100) == LengthNorm(0.0, 0.15).bounds(100)
