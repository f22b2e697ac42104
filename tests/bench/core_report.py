"""What each further core gives, and its table. Knows speeds; needs no library of any system."""

import statistics
from collections.abc import Mapping, Sequence

from tests.bench.tables import Line, with_range

HEADINGS = ("engines", "system", "tokens/s", "of N times one")

Speeds = Mapping[tuple[int, str], Sequence[float]]
"""Tokens a second of each run, by engines and system."""


def engine_counts(cores: int) -> list[int]:
    """Returns 1, 2, 4, ... and the cores themselves."""
    powers = [1 << power for power in range(cores.bit_length()) if 1 << power <= cores]
    return sorted({*powers, cores})


def lines(speeds: Speeds) -> list[Line]:
    """Returns the table: tokens/s, medians and ranges, beside so many times those of one engine."""
    middle = {key: statistics.median(runs) for key, runs in speeds.items()}
    return [
        (
            str(engines),
            system,
            with_range(runs, ",.0f"),
            f"{middle[engines, system] / (engines * middle[1, system]):.2f}",
        )
        for (engines, system), runs in sorted(speeds.items())
    ]
