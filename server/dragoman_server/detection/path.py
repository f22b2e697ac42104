"""The likeliest languages of units that follow each other, each mostly in that of the one before.

A hidden Markov model, by Viterbi's algorithm (1967): a path through the languages costs what each
unit says against its language, and something for each change. Knows costs, in natural logarithms.
Does not know texts.
"""

from collections.abc import Mapping

NEW = ""
"""A language that no unit has spoken for yet: the first that does was it all the while."""


class Path:
    """Of the units that were added; takes time linear in their number.

    Args:
        dearest: The highest cost of a change.
    """

    def __init__(self, dearest: float) -> None:
        self._dearest = dearest
        self._costs = {NEW: 0.0}
        """Of the best way that ends in each language; that of others is as a new one's."""
        self._changes: list[dict[str, str]] = []
        """Of each unit, the languages that were changed to before it, and from which."""

    def add(self, against: Mapping[str, float], floor: float, change: float) -> None:
        """Adds the next unit.

        Args:
            against: What it says against languages, at most as much as the floor.
            floor: Against all others.
            change: What a change before it costs; nothing counts of the first.
        """
        costs = self._costs
        best = self._best()
        dear = costs[best] + change
        changes: dict[str, str] = {}
        found = {}
        for code in {**costs, **against}:
            cost = costs.get(code)
            if cost is None:
                cost = costs[NEW]
                changes[code] = NEW
            if cost > dear:
                cost = dear
                changes[code] = best
            found[code] = cost + against.get(code, floor)
        self._changes.append(changes)
        most = min(found.values()) + self._dearest
        self._costs = {code: each for code, each in found.items() if each <= most or code == NEW}

    def languages(self) -> list[str]:
        """Returns the language of each unit; empty codes where none says anything."""
        code = said = self._best()
        found = []
        for changes in reversed(self._changes):
            found.append(said)
            code = changes.get(code, code)
            said = code or said
        return found[::-1]

    def _best(self) -> str:
        """Returns the language of the cheapest way, a known one of several."""
        return min(self._costs, key=lambda code: (self._costs[code], code == NEW))
