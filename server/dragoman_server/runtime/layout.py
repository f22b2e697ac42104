"""How many engines a machine gets, and how many threads each: found by trying.

Knows numbers of cores and what was measured; does not know what is run.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

ROUNDS = 3
"""Each layout is tried so often, in turns with the one that it is compared with; its best counts,
because whatever else runs on the machine only ever makes it slower."""

FEWEST_ROUNDS = 2
"""That are enough where it is clear which is better."""

WORTHWHILE = 1.1
"""How much faster more threads an engine must be: fewer engines are fewer rows."""

CLEAR = 1.25
"""So many times off what is worthwhile nobody need look again."""


class Layout(NamedTuple):
    """A division of a machine's cores."""

    engines: int
    """Run side by side."""
    threads: int
    """Of each, within one step."""

    def __str__(self) -> str:
        return f"{self.engines}x{self.threads}"


def layouts(cores: int) -> list[Layout]:
    """Returns the divisions worth trying: 1, 2, 4, ... threads an engine."""
    return [Layout(cores >> doublings, 1 << doublings) for doublings in range(cores.bit_length())]


def choose(candidates: Iterable[Layout], speed: Callable[[Layout], float]) -> dict[Layout, float]:
    """Tries layouts as long as the next is worthwhile; the best one comes first.

    Args:
        candidates: At least one, in order.
        speed: Runs a layout for a moment; larger is better.

    Returns:
        The best speed of each layout that was tried.
    """
    first, *others = candidates
    chosen = first
    found: dict[Layout, float] = {}
    for other in others:
        for number in range(1, ROUNDS + 1):
            for layout in (chosen, other):
                found[layout] = max(found.get(layout, 0.0), speed(layout))
            if number >= FEWEST_ROUNDS and _is_clear(found[other] / found[chosen]):
                break
        if found[other] < found[chosen] * WORTHWHILE:
            break
        chosen = other
    return {chosen: found.pop(chosen, 0.0), **found}


def _is_clear(gain: float) -> bool:
    return not WORTHWHILE / CLEAR <= gain <= WORTHWHILE * CLEAR
