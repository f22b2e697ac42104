import itertools
from collections.abc import Callable, Iterator

import pytest

from dragoman_server.runtime.layout import Layout, choose, layouts


@pytest.mark.parametrize(
    ("cores", "expected"),
    [
        (1, [(1, 1)]),
        (2, [(2, 1), (1, 2)]),
        (6, [(6, 1), (3, 2), (1, 4)]),
        (8, [(8, 1), (4, 2), (2, 4), (1, 8)]),
    ],
)
def test_every_layout_keeps_within_the_cores(cores: int, expected: list[tuple[int, int]]) -> None:
    assert layouts(cores) == expected


def speeds(table: dict[tuple[int, int], list[float]]) -> Callable[[Layout], float]:
    """Of each layout one after the other, and again from the first."""
    runs: dict[Layout, Iterator[float]] = {
        Layout(*layout): itertools.cycle(found) for layout, found in table.items()
    }
    return lambda layout: next(runs[layout])


def test_more_threads_are_taken_where_they_are_worthwhile() -> None:
    found = choose(layouts(4), speeds({(4, 1): [10], (2, 2): [12], (1, 4): [12.5]}))
    assert list(found) == [(2, 2), (4, 1), (1, 4)]
    assert list(found.values()) == [12, 10, 12.5]


def test_it_stops_at_the_first_that_is_not() -> None:
    found = choose(layouts(4), speeds({(4, 1): [10], (2, 2): [10.5]}))
    assert list(found) == [(4, 1), (2, 2)]


def test_a_disturbed_run_does_not_decide() -> None:
    found = choose(layouts(2), speeds({(2, 1): [1, 10, 2], (1, 2): [8, 8, 8]}))
    assert list(found) == [(2, 1), (1, 2)]


@pytest.mark.parametrize(
    ("first", "second", "rounds"),
    [
        ([10], [5], 2),  # far from worthwhile
        ([10], [20], 2),
        ([10], [10], 3),
        ([10], [13], 3),
        ([4, 10, 10], [4, 4, 10], 2),  # by the best of each
    ],
)
def test_it_is_tried_again_only_where_it_is_not_clear(
    first: list[float], second: list[float], rounds: int
) -> None:
    tried: list[Layout] = []
    speed = speeds({(2, 1): first, (1, 2): second})

    def counted(layout: Layout) -> float:
        tried.append(layout)
        return speed(layout)

    choose(layouts(2), counted)
    assert tried == [Layout(2, 1), Layout(1, 2)] * rounds


def test_one_core_is_not_tried() -> None:
    assert list(choose(layouts(1), speeds({}))) == [(1, 1)]
