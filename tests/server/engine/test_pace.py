import math

import pytest

from dragoman_server.pace import STALL_STEPS, Pace


def test_everything_can_be_afforded_while_nobody_runs_or_nothing_is_known() -> None:
    pace = Pace()
    assert pace.affordable_tokens(0) == pace.affordable_tokens(5) == math.inf
    pace.observe_encoding(10, 1.0)
    assert pace.affordable_tokens(0) == math.inf


def test_newcomers_take_as_long_as_a_few_steps_of_those_who_run() -> None:
    pace = Pace()
    for _ in range(100):
        pace.observe_encoding(20, 0.002)  # 0.1 ms a token
        for rows in (4, 8):
            pace.observe_decoding(rows, 0.001 * rows)
    assert pace.affordable_tokens(8) == pytest.approx(STALL_STEPS * 80, rel=0.1)
    assert pace.affordable_tokens(4) == pytest.approx(STALL_STEPS * 40, rel=0.1)
