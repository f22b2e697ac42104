"""How many rows an engine may have in all where some callers have little to do and one has much.

A step takes `seconds + seconds_per_row * rows`. Those who have little ask for so many rows a
second, whatever else runs. Were they alone, a step that one of them is part of would take

    alone = least / (1 - seconds_per_row * asked rows a second), least = seconds + seconds_per_row

and beside others it may take PATIENCE * least longer. So much is filled up with the rows of others,
less the one that a newcomer adds: the busier those who have little are, the fewer. What they asked
for is measured as work done, and not as rows that run: beside others these are more, and would make
room for yet more of the others.

Pure: no clock, no locks. Each engine's thread has its own.
"""

import math

from dragoman_server.engine.estimators import WideLine

PATIENCE = 0.25
"""By how much longer a step may take beside others, in units of a step of one row. The p97 of those
who have little is to stay within 1.5 times: encoder runs and the front end take of it as well."""

MEMORY_SECONDS = 1.0
"""Of what those who have little ask for."""

MOST_BUSY = 0.9
"""Share of the time, at most, that they count as keeping an engine busy alone."""

REFRESH_STEPS = 64
"""Between two looks at what a step costs."""


class Headroom:
    """Of one engine."""

    def __init__(self, costs: WideLine) -> None:
        self._costs = costs
        self._light = self._held = 0.0
        """Row steps a second, of those who have little and of all others."""
        self._seen_at: float | None = None
        self._since_look = REFRESH_STEPS
        self._seconds = self._seconds_per_row = 0.0

    def observe(self, light_rows: int, rows: int, now: float) -> None:
        """Takes in that a step of so many rows begins, some of them of those who have little."""
        if self._seen_at is not None:
            fading = math.exp((self._seen_at - now) / MEMORY_SECONDS)
            self._light *= fading
            self._held *= fading
        self._light += light_rows / MEMORY_SECONDS
        self._held += (rows - light_rows) / MEMORY_SECONDS
        self._seen_at = now

    def is_below(self, share: float) -> bool:
        """Whether what is held back had less than this share of the work."""
        return self._held <= share * (self._light + self._held)

    def rows(self) -> float:
        """Returns the rows up to which others may fill an engine; inf before anything is known."""
        self._since_look += 1
        if self._since_look >= REFRESH_STEPS:
            self._since_look = 0
            self._seconds, self._seconds_per_row = self._costs.line()
        per_row = self._seconds_per_row
        if not per_row:
            return math.inf
        busy = min(per_row * self._light, MOST_BUSY)
        least = self._seconds + per_row
        step = least / (1 - busy) + PATIENCE * least
        return (step - self._seconds) / per_row - 1
