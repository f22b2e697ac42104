import random
from collections.abc import Iterable

import pytest

from dragoman_server.engine.estimators import OUTLIER, Least, Line, Mean, Quantile, WideLine


def line(points: Iterable[tuple[float, float]], memory: int = 100) -> Line:
    subject = Line(memory)
    for x, y in points:
        subject.observe(x, y)
    return subject


def test_a_mean_is_exact_until_its_memory_is_full_and_forgets_afterwards() -> None:
    mean = Mean(10)
    assert (mean.value, mean.count) == (0, 0)
    for value in (1, 2, 6):
        mean.observe(value)
    assert mean.value == pytest.approx(3)
    for _ in range(100):
        mean.observe(7)
    assert mean.value == pytest.approx(7, abs=0.01)


def test_values_may_be_observed_several_at_once() -> None:
    one_by_one, at_once = Mean(10), Mean(10)
    for value in (1, 2, 6):
        one_by_one.observe(value)
    at_once.observe(1)
    at_once.observe(4, times=2)
    assert at_once.value == pytest.approx(one_by_one.value)
    assert at_once.count == one_by_one.count
    at_once.observe(7, times=100)
    assert at_once.value == 7


def test_the_least_is_that_of_the_last_values() -> None:
    least = Least(4)
    for value in (5, 3):
        least.observe(value)
    assert least.value == 0
    least.observe(4, times=2)
    assert least.value == 3
    least.observe(6, times=4)
    assert least.value == 6


def test_points_may_be_observed_several_at_once() -> None:
    points = [(x % 16 + 1, 0.002 + 0.0001 * x) for x in range(16) for _ in range(20)]
    together = Line(100)
    for x in range(16):
        together.observe(x + 1, 0.002 + 0.0001 * x, times=20)
    alone = line(points)
    assert together.count == alone.count
    assert together.at(8) == pytest.approx(alone.at(8), rel=0.01)
    assert together.slope == pytest.approx(alone.slope, rel=0.1)
    wide = WideLine(100)
    wide.observe(4, 0.005, times=OUTLIER + 1)
    assert wide.line() == pytest.approx((0.0, 0.00125))


def test_a_line_is_found_through_noise() -> None:
    chance = random.Random(0)
    rows = [chance.randrange(1, 65) for _ in range(1000)]
    subject = line([(x, 0.002 + 0.0001 * x + chance.gauss(0, 0.0005)) for x in rows], memory=500)
    assert subject.at(1) == pytest.approx(0.0021, rel=0.1)
    assert subject.at(64) == pytest.approx(0.0084, rel=0.05)


def test_a_line_follows_what_changes() -> None:
    points = [(x % 64 + 1, 0.01) for x in range(500)] + [(x % 64 + 1, 0.05) for x in range(500)]
    assert line(points).at(32) == pytest.approx(0.05, rel=0.02)


def test_where_x_never_varies_there_is_no_slope() -> None:
    subject = line([(8, 0.01)] * 50)
    assert subject.at(1) == subject.at(64) == pytest.approx(0.01)


def test_a_line_never_falls_and_never_starts_below_zero() -> None:
    falling = line([(1, 0.05), (50, 0.01)] * 20)
    assert falling.at(100) == pytest.approx(falling.at(0), rel=0.1)
    steep = line([(10, 0.001), (50, 0.1)] * 20)
    assert steep.at(0) == pytest.approx(0)


def test_one_pause_is_no_trend() -> None:
    steps = [(x % 8 + 1, 0.005) for x in range(100)]
    subject = line([*steps, (4, 30.0)])
    assert subject.at(4) < 0.006


def test_before_the_first_observation_all_is_zero() -> None:
    assert Line(10).at(5) == 0


@pytest.mark.parametrize("share", [0.5, 0.97])
def test_a_quantile_rests_where_its_share_of_the_values_is_not_above_it(share: float) -> None:
    chance = random.Random(1)
    subject = Quantile(share, step=0.02, lowest=0.01, highest=100)
    found = []
    for _ in range(40_000):
        value = chance.lognormvariate(0, 0.5)
        found.append(value <= subject.value)
        subject.observe(value)
    assert sum(found[10_000:]) / 30_000 == pytest.approx(share, abs=0.01)


def test_a_quantile_keeps_its_bounds() -> None:
    subject = Quantile(0.9, step=0.5, lowest=0.5, highest=10)
    assert subject.value == 1
    for _ in range(100):
        subject.observe(1000)
    assert subject.value == 10
    for _ in range(1000):
        subject.observe(0)
    assert subject.value == 0.5


def test_a_wide_line_remembers_small_values_while_large_ones_are_seen() -> None:
    line = WideLine(50)
    for _ in range(50):
        for x in (1, 2, 4):
            line.observe(x, 3 + 0.5 * x)
    for _ in range(1000):
        line.observe(100, 53)
    assert line.line() == pytest.approx((3, 0.5))


def test_a_wide_line_counts_each_order_of_magnitude_alike() -> None:
    line = WideLine(1000)
    for _ in range(1000):
        line.observe(1, 1.1)
    for x in (2, 4, 8, 16, 32, 64):
        for _ in range(20):
            line.observe(x, 1 + 0.1 * x)
    assert line.line() == pytest.approx((1, 0.1))


def test_a_wide_line_of_one_order_of_magnitude_goes_through_the_origin() -> None:
    line = WideLine(50)
    assert line.line() == (0.0, 0.0)
    for _ in range(20):
        line.observe(100, 20)
    assert line.line() == pytest.approx((0, 0.2))


def test_a_wide_line_never_falls() -> None:
    line = WideLine(50)
    for _ in range(20):
        line.observe(1, 2)
        line.observe(64, 1)
    seconds, slope = line.line()
    assert slope == 0
    assert 1 <= seconds <= 2


def test_a_wide_line_hardly_heeds_an_outlier() -> None:
    line = WideLine(1000)
    for _ in range(500):
        line.observe(1, 1.0)
        line.observe(8, 2.0)
    line.observe(1, 1000.0)
    assert line.line()[0] == pytest.approx(6 / 7, rel=0.05)


def test_a_clock_that_stood_still_says_nothing_of_a_wide_line() -> None:
    line = WideLine(memory=100)
    for x in (1, 100):
        for _ in range(50):
            line.observe(x, 0.0)
    assert line.line() == (0.0, 0.0)
    for _ in range(500):
        line.observe(100, 5.0)
    assert line.line()[1] > 0
