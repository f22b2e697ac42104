from dataclasses import replace

import pytest

from dragoman.load.figures import NOTHING, aligned, at_percentile, readable, share
from tests.clients.load.reports import run


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (0.4249, "0.42"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (99.96, "100"),
        (1204.4, "1,204"),
        (-12.34, "-12.3"),
        (None, NOTHING),
    ],
)
def test_figures_have_three_digits(value: float | None, written: str) -> None:
    assert readable(value) == written


def test_a_column_has_the_decimals_of_its_smallest_figure() -> None:
    assert aligned([1234.5, 12.34, None, 0.0]) == ["1,234.5", "12.3", NOTHING, "0.0"]
    assert aligned([None, None]) == [NOTHING, NOTHING]


@pytest.mark.parametrize(
    ("part", "whole", "written"),
    [
        (1, 3, "33.3 %"),
        (0, 5, "0.0 %"),
        (5, 5, "100.0 %"),
        (1, 100_000, "< 0.1 %"),
        (99_999, 100_000, "> 99.9 %"),
        (0, 0, "0.0 %"),
    ],
)
def test_a_share_is_all_or_nothing_only_where_it_is(part: int, whole: int, written: str) -> None:
    assert share(part, whole) == written


def test_percentiles_that_are_not_told_are_read_from_the_curve() -> None:
    told = replace(run(), curve_ms=[float(index) for index in range(201)])
    assert at_percentile(told, 97.0) == told.latency_ms["97"]
    assert at_percentile(told, 80.0) == 160.0
    assert at_percentile(told, 99.95) == 200.0  # never a smaller one
    assert at_percentile(run(ok=0), 97.0) is None
