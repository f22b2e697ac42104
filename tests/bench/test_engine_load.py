"""What the report of engines under load makes of what was measured."""

from typing import Any

import numpy as np
import pytest

from tests.bench.engine_load import HEADINGS, Costs, line
from tests.bench.engine_load_worker import Point
from tests.bench.watched_runner import Spent, SpentLog, WatchedRunner

SPENT = Spent(
    encoder_runs=100,
    newcomers=200,
    encoder=0.1,
    steps=500,
    rows=4000,
    decoder=0.2,
    moves=0.01,
    thread=0.35,
)
POINT = Point(
    rate=100.0,
    seconds=2.0,
    texts=200,
    text_seconds=[0.01] * 96 + [0.2] * 4,
    spent=SPENT,
    owner=0.02,
    whole=0.4,
    machine=0.5,
)


class Runner:
    """Does nothing."""

    def encode(self, *_: Any) -> None: ...

    def decode(self, *_: Any, **options: Any) -> Any:
        return options

    def move(self, *_: Any) -> None: ...


def test_costs_are_told_by_text_and_sizes_by_run_and_step() -> None:
    told = dict(zip(HEADINGS, line("2 threads", 100.0, [Costs.of(POINT)]), strict=True))
    assert (told["p50, ms"], told["p97, ms"]) == ("10", "200")
    assert (told["newcomers a run"], told["rows a step"]) == ("2.0", "8.0")
    costs = [told[name] for name in HEADINGS[6:]]
    assert costs == ["500", "1,000", "50", "200", "100", "2,000", "0.20", "0.05"]


def test_what_several_engines_did_is_added_up(tmp_path: Any) -> None:
    log = SpentLog(tmp_path / "log", 2)
    before = log.total()
    for engine in range(2):
        runner = WatchedRunner(Runner(), SpentLog(tmp_path / "log", 2).line(engine))  # type: ignore[arg-type]
        runner.encode([[1], [2], [3]], 0)
        rows = np.zeros(5, np.int64), np.zeros(5, np.int32), np.zeros(5, np.int32)
        options = {"candidate_count": 1, "with_normalizers": False}
        assert runner.decode(*rows, **options)["candidate_count"] == 1  # type: ignore[arg-type,call-overload]
        runner.move([])
    spent = log.total().since(before)
    assert (spent.encoder_runs, spent.newcomers, spent.steps, spent.rows) == (2, 6, 2, 10)
    parts = spent.encoder + spent.decoder + spent.moves
    assert 0 < parts < spent.thread or parts == pytest.approx(spent.thread)
