"""How values are written: with Grafana's units, short enough for an axis.

Knows the units that the dashboard uses. Does not know what is measured.
"""

from collections.abc import Callable

SUFFIX = "suffix:"

MILLI, HUNDRED, KILO, KIBI = 1e-3, 100, 1e3, 1024


def written(value: float, unit: str) -> str:
    """Returns a value with its unit.

    Raises:
        KeyError: The unit is none of those that the dashboard uses.
    """
    if unit.startswith(SUFFIX):
        return f"{_large(value)} {unit.removeprefix(SUFFIX)}"
    return _UNITS[unit](value)


def _seconds(value: float) -> str:
    if value == 0:
        return "0 s"
    if value < MILLI:
        return f"{value / MILLI**2:.3g} µs"
    return f"{value / MILLI:.3g} ms" if value < 1 else f"{value:.3g} s"


def _bytes(value: float) -> str:
    for name in ("B", "KiB", "MiB"):
        if value < KIBI:
            return f"{value:.3g} {name}"
        value /= KIBI
    return f"{value:.3g} GiB"


def _large(value: float) -> str:
    return f"{value / KILO:.3g} k" if value >= KILO else f"{value:.3g}"


def _percent(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= HUNDRED else f"{value:.3g}"


_UNITS: dict[str, Callable[[float], str]] = {
    "bytes": _bytes,
    "none": _large,
    "ops": lambda value: f"{_large(value)} ops/s",
    "percentunit": lambda value: f"{_percent(100 * value)} %",
    "reqps": lambda value: f"{_large(value)} req/s",
    "s": _seconds,
    "short": _large,
}
