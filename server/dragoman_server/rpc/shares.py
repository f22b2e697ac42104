"""Who may have how much of what is bounded for all: nobody takes the room of others.

Knows numbers. Does not know what is counted.
"""

from collections import Counter

SHARE = 8
"""A connection may have so many times as many as are left to others: who comes next finds room
whatever one of them does."""

FEW = 64
"""One in so many of those allowed, or a single one, may a connection have in any case."""


class Tally:
    """How many of something each connection has open."""

    def __init__(self) -> None:
        self._own: Counter[str] = Counter()
        self.total = 0

    def of(self, peer: str) -> int:
        """Returns how many a connection has."""
        return self._own[peer]

    def add(self, peer: str) -> None:
        """One more."""
        self._own[peer] += 1
        self.total += 1

    def remove(self, peer: str) -> None:
        """One less."""
        self.total -= 1
        self._own[peer] -= 1
        if not self._own[peer]:
            del self._own[peer]


def why_no_more(own: int, total: int, *, most: int, what: str) -> str | None:
    """Returns why a connection that has `own` of `total` may have no more; None where it may."""
    if own < max(1, most // FEW) and total < 2 * most:
        return None
    left = most - total
    if left <= 0:
        return f"{total} {what} are in progress, the most that this server allows"
    if own >= SHARE * left:
        return (
            f"{own} {what} of this connection are in progress, which leaves {left} of the {most} "
            "that this server allows: it has to leave some to others"
        )
    return None
