"""When a request's time is over, and whether it is.

Times are seconds of a monotonic clock, the engine's. grpc cancels a call both when its deadline
passes and when its client goes away, and does not say which: this tells the two apart.
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

# grpc rounds a timeout up by up to 1 % on its way, so a client often gives up before the server's
# own clock says that the time is over.
_ROUNDING = 0.02


class TimeLimit(NamedTuple):
    """What the texts of a request are bound by."""

    deadline: float = math.inf
    """After this nobody waits for them: what has not begun by then never does."""
    due: float = math.inf
    """They are refused where they would probably end later."""


NO_LIMIT = TimeLimit()


def has_passed(deadline: float, now: float, *, since: float) -> bool:
    """Whether a deadline, inf for none, that was set at `since` counts as passed."""
    return now - since >= (deadline - since) * (1 - _ROUNDING)


class RemainingTime(Protocol):
    """What is needed of a ServicerContext."""

    def time_remaining(self) -> float | None:
        """Seconds until the deadline; None where the client set none."""


class Deadline:
    """A call's deadline, made when the call arrives.

    Attributes:
        at: When it is; inf where the client set none.
    """

    def __init__(self, context: RemainingTime, clock: Callable[[], float] = time.monotonic) -> None:
        remaining = context.time_remaining()
        self._clock = clock
        self._arrived_at = clock()
        self.at = math.inf if remaining is None else self._arrived_at + remaining

    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return has_passed(self.at, self._clock(), since=self._arrived_at)
