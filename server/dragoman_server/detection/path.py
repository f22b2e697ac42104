"""The likeliest languages of units that follow each other, each mostly in that of the one before.

A hidden Markov model, by Viterbi's algorithm (1967): a path through the languages costs what each
unit says against its language, and something for each change. Knows costs, in natural logarithms.
Does not know texts.
"""

from collections.abc import Mapping


class Path:
    """Of the units that were added; takes time linear in their number.

    Args:
        dearest: The highest cost of a change.
    """

    def __init__(self, dearest: float) -> None:
        self._dearest = dearest
        self._costs: dict[str, float] = {}
        """Of the best way that ends in each language; of one that is not here, a change costs no
        more."""
        self._floors = 0.0
        """What the way of a language that no unit has spoken for costs."""
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
        best = min(costs, key=costs.__getitem__, default="")
        dear = costs[best] + change if best else self._floors
        changes = {}
        found = {}
        for code in {**costs, **against}:
            cost = costs.get(code, self._floors)
            if cost > dear:
                cost = dear
                changes[code] = best
            found[code] = cost + against.get(code, floor)
        self._floors += floor
        self._changes.append(changes)
        most = min(found.values(), default=0.0) + self._dearest
        self._costs = {code: cost for code, cost in found.items() if cost <= most}

    def languages(self) -> list[str]:
        """Returns the language of each unit; an empty code where no unit says anything."""
        code = min(self._costs, key=self._costs.__getitem__, default="")
        found = []
        for changes in reversed(self._changes):
            found.append(code)
            code = changes.get(code, code)
        return found[::-1]
