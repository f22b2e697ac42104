"""What is told of the front end alone. Knows nothing of how the figures came."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.origin import Origin, write_report
from tests.bench.tables import with_range


@dataclass(frozen=True)
class Point:
    """A number of processes and a size of requests."""

    workers: int
    texts: int
    """Of each request."""
    requests_per_second: float
    """Median of the runs."""
    cpu_us: list[float]
    """Microseconds of the server's CPU time a text, of each run."""


@dataclass(frozen=True)
class FrontEndReport:
    """Everything that a benchmark found."""

    origin: Origin
    points: list[Point]

    def save(self, path: Path) -> None:
        """Writes JSON."""
        write_report(path, "front_end", self)

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "FrontEndReport":
        """Reads what `save` wrote."""
        return cls(**fields | {"points": [Point(**entry) for entry in fields["points"]]})


HEADINGS = ("workers", "texts a request", "requests/s", "CPU time a text, in µs")


def front_end_table(points: Sequence[Point]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Returns headings and the cells of each point."""
    return HEADINGS, [
        (
            str(point.workers) if point.workers else "0 (in the engines' process)",
            str(point.texts),
            f"{point.requests_per_second:,.0f}",
            with_range(point.cpu_us, ".0f"),
        )
        for point in points
    ]
