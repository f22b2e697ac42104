"""How the report writes figures: as many digits as say something.

Knows no HTML and no picture.
"""

from collections.abc import Sequence
from math import ceil

from dragoman.load.result import Run

NOTHING = "—"


def readable(value: float | None) -> str:
    """Returns it with about three digits: "0", "0.42", "7.61", "48.3", "1,204"."""
    if value is None:
        return NOTHING
    return f"{value:,.{_decimals(value)}f}" if value else "0"


def aligned(values: Sequence[float | None]) -> list[str]:
    """Returns the cells of a column: all with the decimals that its smallest figure needs."""
    sizes = [abs(value) for value in values if value]
    decimals = _decimals(min(sizes, default=0.0))
    return [NOTHING if value is None else f"{value:,.{decimals}f}" for value in values]


def share(part: float, whole: float) -> str:
    """Returns it in per cent; small shares do not become none, nor great ones all."""
    per_cent = 100 * part / whole if whole else 0.0
    if 0 < per_cent < 0.1:  # noqa: PLR2004  the smallest that is written
        return "< 0.1 %"
    if 99.9 < per_cent < 100:  # noqa: PLR2004  likewise the greatest
        return "> 99.9 %"
    return f"{per_cent:.1f} %"


def at_percentile(run: Run, percentile: float) -> float | None:
    """Returns the latency in ms that so many per cent kept; None where nothing was translated."""
    if not run.latency_ms:
        return None
    exact = run.latency_ms.get(f"{percentile:g}")
    return run.curve_ms[ceil(2 * percentile)] if exact is None else exact


def _decimals(value: float) -> int:
    limits = (9.995, 99.95)  # what two decimals, and one, would round up to a digit more
    return 2 - sum(abs(value) >= limit for limit in limits)
