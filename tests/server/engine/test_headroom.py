import math

import pytest

from dragoman_server.engine.estimators import OUTLIER, WideLine
from dragoman_server.engine.headroom import MEMORY_SECONDS, PATIENCE, REFRESH_STEPS, Headroom

SECONDS, PER_ROW = 0.004, 0.001
LEAST = SECONDS + PER_ROW


def costs(*, seconds: float = SECONDS, per_row: float = PER_ROW) -> WideLine:
    line = WideLine(100)
    for _ in range(OUTLIER + 1):
        for rows in (1, 8, 64):
            line.observe(rows, seconds + per_row * rows)
    return line


def rows_beside(light_rows_a_second: float, line: WideLine) -> float:
    """Returns the headroom where so much has long been asked for."""
    headroom = Headroom(line)
    pause = 0.01
    for step in range(int(20 * MEMORY_SECONDS / pause)):
        headroom.observe(round(light_rows_a_second * pause), 1, step * pause)
    return headroom.rows()


def test_nothing_is_held_back_before_a_step_was_seen() -> None:
    assert Headroom(WideLine(100)).rows() == math.inf


def test_beside_one_who_asks_for_next_to_nothing_a_step_takes_little_longer() -> None:
    rows = Headroom(costs()).rows()
    # A newcomer adds a row.
    assert SECONDS + PER_ROW * (rows + 1) == pytest.approx((1 + PATIENCE) * LEAST)


def test_the_more_others_ask_for_the_more_rows_run() -> None:
    # Half of the time of an engine goes into their rows.
    rows = rows_beside(500, costs())
    alone = LEAST / (1 - 0.5)
    assert SECONDS + PER_ROW * (rows + 1) == pytest.approx(alone + PATIENCE * LEAST, rel=0.02)


def test_where_rows_cost_little_there_is_much_room() -> None:
    assert Headroom(costs(per_row=0.00001)).rows() > 90


def test_where_rows_cost_nothing_there_is_no_limit() -> None:
    assert Headroom(costs(per_row=0.0)).rows() == math.inf


def test_more_than_an_engine_can_do_leaves_a_finite_room() -> None:
    assert 0 < rows_beside(10_000, costs()) < 100


def test_costs_are_looked_at_again_after_a_while() -> None:
    line = costs()
    headroom = Headroom(line)
    before = headroom.rows()
    for _ in range(1000):
        for rows in (1, 8, 64):
            line.observe(rows, SECONDS + 0.1 * PER_ROW * rows)
    assert headroom.rows() == before
    for _ in range(REFRESH_STEPS):
        after = headroom.rows()
    assert after > before


def test_what_is_held_back_is_below_a_share_until_it_has_done_that_much() -> None:
    headroom = Headroom(costs())
    assert headroom.is_below(0.1)
    headroom.observe(9, 10, 0.0)
    assert headroom.is_below(0.11)
    assert not headroom.is_below(0.09)


def test_what_was_done_long_ago_does_not_count() -> None:
    headroom = Headroom(costs())
    headroom.observe(0, 100, 0.0)
    headroom.observe(9, 9, 20 * MEMORY_SECONDS)
    assert headroom.is_below(0.01)
