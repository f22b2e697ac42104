"""How a decoding step's time grows, and what is told of it. Knows nothing of how it came."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.bench.origin import Origin, write_report

SweepName = Literal["rows", "source", "vocabulary", "beam"]


@dataclass(frozen=True)
class Curve:
    """One system's time over one quantity."""

    sweep: SweepName
    system: str
    precision: str
    places: list[int]
    """Values of the quantity."""
    rounds: list[list[float]]
    """Of each round, seconds of a decoding step at every place."""

    @property
    def milliseconds(self) -> list[float]:
        """Of a decoding step at every place: medians of the rounds."""
        return [1e3 * statistics.median(found) for found in zip(*self.rounds, strict=True)]


@dataclass(frozen=True)
class GrowthReport:
    """Everything that a benchmark found."""

    origin: Origin
    curves: list[Curve]

    def save(self, path: Path) -> None:
        """Writes JSON."""
        write_report(path, "growth", self)

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "GrowthReport":
        """Reads what `save` wrote."""
        return cls(**fields | {"curves": [Curve(**entry) for entry in fields["curves"]]})

    @property
    def sweeps(self) -> dict[SweepName, list[Curve]]:
        """The curves of each quantity."""
        found: dict[SweepName, list[Curve]] = {}
        for curve in self.curves:
            found.setdefault(curve.sweep, []).append(curve)
        return found


def growth_table(curves: Sequence[Curve]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Returns headings and the cells of each curve of one sweep, in milliseconds a step."""
    headings = ["system", "precision", *(f"{place:,}" for place in curves[0].places)]
    return headings, [
        (curve.system, curve.precision, *(f"{value:.2f}" for value in curve.milliseconds))
        for curve in curves
    ]
