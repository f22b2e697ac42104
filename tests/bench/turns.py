"""Who goes when: A B, B A, ... so that a machine that gets slower is slower for all."""

from collections.abc import Sequence
from typing import TypeVar

Entrant = TypeVar("Entrant")


def in_turns(entrants: Sequence[Entrant], number: int) -> Sequence[Entrant]:
    """Returns the order of a round, the first of which has the number 0."""
    return entrants[:: -1 if number % 2 else 1]
