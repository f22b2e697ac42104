"""Tells a call whose deadline passed from one that its client cancelled.

grpc cancels the handler in both cases and does not say which.
"""

from typing import Protocol

# grpc rounds a timeout up by up to 1 % on its way, so a client often gives up before the server's
# own clock says that the time is over.
_ROUNDING = 0.02


class RemainingTime(Protocol):
    """What is needed of a ServicerContext."""

    def time_remaining(self) -> float | None:
        """Seconds until the deadline; None where the client set none."""


class Deadline:
    """A call's deadline, made when the call arrives."""

    def __init__(self, context: RemainingTime) -> None:
        self._context = context
        self._budget = context.time_remaining()

    def expired(self) -> bool:
        """Whether the deadline has passed."""
        remaining = self._context.time_remaining()
        if self._budget is None or remaining is None:
            return False
        return remaining <= self._budget * _ROUNDING
