"""What is told of simulated autoscaling. Knows nothing of how it came."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.bench.origin import Origin, read_report, write_report
from tests.bench.scaling_curve import Curve, Point


@dataclass(frozen=True)
class Tick:
    """One decision."""

    at: float
    """In seconds since the start."""
    load: float
    """Requests a second, of all replicas."""
    needed: int
    """By the load test: so many that none is asked for more than its peak."""
    planned: int
    """So many that each keeps the reserve that it is planned with."""
    serving: int
    metrics: dict[str, float]
    """That the decision went by: means over the replicas."""


@dataclass(frozen=True)
class Simulation:
    """What an autoscaler made of the load."""

    signals: str
    deadline: float
    targets: dict[str, float]
    ticks: list[Tick]

    @property
    def short(self) -> float:
        """Share of the time in which fewer replicas served than were needed."""
        return float(np.mean([tick.serving < tick.needed for tick in self.ticks]))

    def mean(self, of: Callable[[Tick], float]) -> float:
        """Over the time."""
        return float(np.mean([of(tick) for tick in self.ticks]))

    def near(self) -> float:
        """Share of the time, while the load does not fall, with as many as planned or one off."""
        return float(np.mean([abs(t.serving - t.planned) <= 1 for t in self.rising()]))

    def rising(self) -> Sequence[Tick]:
        """Until the load falls: from there on replicas are kept for minutes on purpose."""
        highest = max(tick.load for tick in self.ticks)
        last = max(place for place, tick in enumerate(self.ticks) if tick.load == highest)
        return self.ticks[: last + 1]


@dataclass(frozen=True)
class AutoscalingReport:
    """Everything that the benchmark found."""

    origin: Origin
    corpus: str
    peak: float
    curves: list[Curve]
    simulations: list[Simulation]

    def save(self, path: Path) -> None:
        """Writes JSON."""
        write_report(path, "autoscaling", self)

    @classmethod
    def read(cls, path: Path) -> "AutoscalingReport":
        """Reads what `save` wrote, but for the simulations."""
        _, fields = read_report(path)
        curves = [
            Curve(curve["deadline"], [Point(**point) for point in curve["points"]])
            for curve in fields["curves"]
        ]
        return cls(**fields | {"curves": curves, "simulations": []})


HEADINGS = (
    "deadline",
    "goes by",
    "targets",
    "at the highest load",
    "in the mean",
    "as planned, while the load does not fall",
    "too few for the bound",
)


def autoscaling_table(
    simulations: Sequence[Simulation],
) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Returns headings and the cells of each simulation."""
    return HEADINGS, [_line(each) for each in simulations]


def _line(simulation: Simulation) -> Sequence[str]:
    last = simulation.rising()[-1]
    serving, needed, planned = (
        simulation.mean(of) for of in (lambda t: t.serving, lambda t: t.needed, lambda t: t.planned)
    )
    return (
        f"{simulation.deadline * 1000:.0f} ms",
        simulation.signals,
        ", ".join(f"{target:.3g}" for target in simulation.targets.values()),
        f"{last.serving} (needed {last.needed}, planned {last.planned})",
        f"{serving:.1f} (needed {needed:.1f}, planned {planned:.1f})",
        f"{simulation.near():.0%} of the time, give or take one",
        f"{simulation.short:.0%} of the time",
    )
