from pathlib import Path

import pytest

from tests.bench.autoscaler import Autoscaler, Direction, Plan
from tests.bench.autoscaling import simulate
from tests.bench.scaling_curve import Curve, Point

ROOT = Path(__file__).parents[2]
AT_ONCE = Direction(0, 1000, 15)


def plan(up: Direction = AT_ONCE, down: Direction = AT_ONCE, **targets: float) -> Plan:
    return Plan(targets or {"waiting": 10}, least=1, most=20, up=up, down=down)


@pytest.mark.parametrize(
    ("value", "replicas"),
    [(10, 4), (10.9, 4), (9.1, 4), (11.2, 5), (20, 8), (5, 2), (0, 1), (1000, 20)],
)
def test_replicas_are_proportional_to_the_metric(value: float, replicas: int) -> None:
    assert Autoscaler(plan(), 4).decide(0, {"waiting": value}) == replicas


def test_the_metric_that_wants_most_decides() -> None:
    scaler = Autoscaler(plan(waiting=10, running=30), 2)
    assert scaler.decide(0, {"waiting": 0, "running": 90}) == 6
    assert scaler.decide(15, {"waiting": 20, "running": 1}) == 12


def test_on_the_way_down_the_highest_proposal_of_the_window_counts() -> None:
    scaler = Autoscaler(plan(down=Direction(60, 100, 15)), 4)
    assert scaler.decide(0, {"waiting": 20}) == 8
    assert scaler.decide(15, {"waiting": 1}) == 8
    assert scaler.decide(60, {"waiting": 1}) == 8
    assert scaler.decide(61, {"waiting": 1}) == 1


def test_on_the_way_up_the_lowest_proposal_of_the_window_counts() -> None:
    scaler = Autoscaler(plan(up=Direction(30, 1000, 15)), 4)
    assert scaler.decide(0, {"waiting": 10}) == 4
    assert scaler.decide(15, {"waiting": 20}) == 4
    assert scaler.decide(31, {"waiting": 30}) == 8


def test_policies_bound_the_change_of_a_period() -> None:
    scaler = Autoscaler(plan(up=Direction(0, 100, 30), down=Direction(0, 25, 60)), 2)
    assert scaler.decide(0, {"waiting": 100}) == 4
    assert scaler.decide(15, {"waiting": 100}) == 4
    assert scaler.decide(30, {"waiting": 100}) == 8
    assert scaler.decide(45, {"waiting": 0}) == 6
    assert scaler.decide(60, {"waiting": 0}) == 6
    assert scaler.decide(105, {"waiting": 0}) == 4


def test_the_committed_autoscaler_is_read() -> None:
    component = ROOT / "deploy/components/autoscaling"
    found = Plan.of_autoscaler(component / "horizontal-pod-autoscaler.yaml")
    assert found.least == 2
    assert "dragoman_requests_waiting" in found.targets


def test_a_proportional_signal_follows_the_load_and_a_flat_one_does_not() -> None:
    points = [
        Point(rate, {"proportional": rate, "flat": 1.0}, p97_ms=0, goodput=rate)
        for rate in (10, 200)
    ]
    curve = Curve(1.0, points)
    slow_down = Direction(300, 25, 60)
    follows = simulate("", plan(down=slow_down, proportional=80), curve, peak=100)
    assert follows.short < 0.02
    assert follows.near() > 0.9
    stays = simulate("", plan(down=slow_down, flat=1), curve, peak=100)
    assert {tick.serving for tick in stays.ticks} == {1}
    assert stays.short > 0.5
    assert stays.near() < 0.5
