"""Kubernetes' autoscaler as arithmetic: metrics in, replicas out.

The rule is that of HorizontalPodAutoscaler in autoscaling/v2, which KEDA uses too. Knows the
resources in deploy/ that say what it goes by; knows nothing of where metrics come from.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

TOLERANCE = 0.1
"""A metric so near to its target changes nothing."""

SYNC_SECONDS = 15.0
"""Between two decisions."""


@dataclass(frozen=True)
class Direction:
    """How fast it may go up, or down."""

    window_seconds: float
    """Of the proposals in it the lowest counts on the way up, the highest on the way down."""
    percent: float
    period_seconds: float
    """In so long the replicas change by no more than so many per cent."""


@dataclass(frozen=True)
class Plan:
    """What an autoscaler goes by."""

    targets: dict[str, float]
    """Of each metric: its value for each replica that changes nothing."""
    least: int
    most: int
    up: Direction
    down: Direction

    @classmethod
    def of_autoscaler(cls, path: Path) -> Self:
        """Reads a HorizontalPodAutoscaler whose metrics are of pods."""
        spec = yaml.safe_load(path.read_text("utf-8"))["spec"]
        pods = [metric["pods"] for metric in spec["metrics"]]
        return cls(
            targets={pod["metric"]["name"]: float(pod["target"]["averageValue"]) for pod in pods},
            least=spec["minReplicas"],
            most=spec["maxReplicas"],
            up=_direction(spec["behavior"]["scaleUp"]),
            down=_direction(spec["behavior"]["scaleDown"]),
        )


def _direction(behaviour: Mapping[str, Any]) -> Direction:
    (policy,) = behaviour["policies"]
    assert policy["type"] == "Percent"
    return Direction(
        behaviour["stabilizationWindowSeconds"], policy["value"], policy["periodSeconds"]
    )


class Autoscaler:
    """Decides every SYNC_SECONDS.

    Args:
        plan: What it goes by.
        replicas: That there are at first.
    """

    def __init__(self, plan: Plan, replicas: int) -> None:
        self._plan = plan
        self.replicas = replicas
        self._proposals: list[tuple[float, int]] = []  # when, how many
        self._changes: list[tuple[float, int]] = []  # when, by how many

    def decide(self, now: float, metrics: Mapping[str, float]) -> int:
        """Returns how many replicas there shall be.

        Args:
            now: In seconds, ascending.
            metrics: Their means over the replicas.
        """
        plan = self._plan
        proposed = max(self._proposal(metrics[name], of) for name, of in plan.targets.items())
        self._proposals.append((now, proposed))
        wanted = min(max(self._stabilized(now), plan.least), plan.most)
        wanted = min(wanted, self._highest(now)) if wanted > self.replicas else wanted
        wanted = max(wanted, self._lowest(now)) if wanted < self.replicas else wanted
        if wanted != self.replicas:
            self._changes.append((now, wanted - self.replicas))
            self.replicas = wanted
        return wanted

    def _proposal(self, value: float, target: float) -> int:
        ratio = value / target
        if abs(ratio - 1) <= TOLERANCE:
            return self.replicas
        return math.ceil(self.replicas * ratio - 1e-9)

    def _stabilized(self, now: float) -> int:
        """Neither more than has been proposed all the while, nor fewer than lately was."""
        lowest = min(self._since(now - self._plan.up.window_seconds))
        highest = max(self._since(now - self._plan.down.window_seconds))
        return max(lowest, min(self.replicas, highest))

    def _since(self, start: float) -> list[int]:
        return [proposed for when, proposed in self._proposals if when >= start]

    def _highest(self, now: float) -> int:
        up = self._plan.up
        grown = sum(change for when, change in self._recent(now, up) if change > 0)
        return math.ceil((self.replicas - grown) * (1 + up.percent / 100))

    def _lowest(self, now: float) -> int:
        down = self._plan.down
        shrunk = -sum(change for when, change in self._recent(now, down) if change < 0)
        return int((self.replicas + shrunk) * (1 - down.percent / 100))

    def _recent(self, now: float, direction: Direction) -> list[tuple[float, int]]:
        return [change for change in self._changes if change[0] > now - direction.period_seconds]
