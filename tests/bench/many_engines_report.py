"""What simulated engines say of the owner of their queue: arithmetic, and a table.

Knows what was observed. Does not know how.
"""

from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import Literal

from dragoman.load.recorder import percentile
from tests.bench.tables import Line

Kind = Literal["threads", "processes", "processes, played"]

Limit = Literal["engines", "interpreter", "owner", "machine"]

FULL = 0.85
"""Of a core, that an interpreter makes use of at most: threads that hand its lock to each other
leave the rest."""

HEADINGS = (
    "engines",
    "where",
    "have texts",
    "compute",
    "rows a step",
    "texts/s",
    "of N times one",
    "owner, µs a text",
    "owner, share of a core",
    "engines, µs a step",
    "p50, ms",
    "p97, ms",
    "limit",
)


@dataclass(frozen=True)
class Observed:
    """What came of it, within `seconds`."""

    kind: Kind
    engines: int
    seconds: float
    texts: int
    steps: float
    rows: float
    model_seconds: float
    held_seconds: float
    owner_cpu_seconds: float
    """Of the thread with the event loop."""
    engines_cpu_seconds: float
    """Of the engines' threads or processes."""
    text_seconds: list[float]
    """Of a part of the texts, ascending."""


def busy_share(seen: Observed) -> float:
    """Returns the share of the time for which engines have texts: are in a step or between two."""
    return seen.held_seconds / (seen.engines * seen.seconds)


def computing_share(seen: Observed) -> float:
    """Returns the share of the time for which engines compute."""
    return seen.model_seconds / (seen.engines * seen.seconds)


def texts_per_second(seen: Observed) -> float:
    """Returns the texts of all engines together."""
    return seen.texts / seen.seconds


def scaling(seen: Observed, one: Observed) -> float:
    """Returns the texts/s, of so many times those of one engine."""
    return texts_per_second(seen) / (texts_per_second(one) * seen.engines / one.engines)


def owner_share(seen: Observed) -> float:
    """Returns how much of a core the owner's event loop takes."""
    return seen.owner_cpu_seconds / seen.seconds


def limit(seen: Observed, cores: int) -> Limit:
    """Returns what keeps it from being faster: what is fully used, else the engines themselves.

    Args:
        seen: What was observed.
        cores: Of the machine, which may have too few for so many processes.
    """
    owner, others = owner_share(seen), seen.engines_cpu_seconds / seen.seconds
    if seen.kind == "threads":
        return "interpreter" if owner + others >= FULL else "engines"
    if owner >= FULL:
        return "owner"
    return "machine" if owner + others >= FULL * cores else "engines"


def line(seen: Observed, one: Observed, cores: int) -> Line:
    """Returns a line of the table; `one` is one engine of the same kind."""
    return (
        str(seen.engines),
        seen.kind,
        f"{busy_share(seen):.1%}",
        f"{computing_share(seen):.1%}",
        f"{seen.rows / seen.steps:.1f}",
        f"{texts_per_second(seen):,.0f}",
        f"{scaling(seen, one):.2f}",
        f"{1e6 * seen.owner_cpu_seconds / seen.texts:.0f}",
        f"{owner_share(seen):.2f}",
        f"{1e6 * seen.engines_cpu_seconds / seen.steps:.0f}",
        f"{1e3 * percentile(seen.text_seconds, 50):.0f}",
        f"{1e3 * percentile(seen.text_seconds, 97):.0f}",
        limit(seen, cores),
    )


def lines(observed: ListOf[Observed], cores: int) -> list[Line]:
    """Returns all lines; the fewest engines of each kind are what the others are measured by."""
    ones: dict[str, Observed] = {}
    for seen in sorted(observed, key=lambda each: each.engines):
        ones.setdefault(seen.kind, seen)
    return [line(seen, ones[seen.kind], cores) for seen in observed]
