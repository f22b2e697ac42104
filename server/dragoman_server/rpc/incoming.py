"""Messages that are on their way: so many at once, that half ones take no memory without end.

Knows their order. Does not know how a call ends.
"""

from typing import Generic, TypeVar

Call = TypeVar("Call")


class Incoming(Generic[Call]):
    """The calls whose messages have begun to come, as far as anybody knows.

    Args:
        most: Of them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._calls: dict[Call, None] = {}

    def begin(self, call: Call) -> Call | None:
        """Adds a call; returns the one that makes room for it, whose message takes longest."""
        self._calls[call] = None
        if len(self._calls) <= self._most:
            return None
        slowest = next(iter(self._calls))
        del self._calls[slowest]
        return slowest

    def end(self, call: Call) -> None:
        """The message is there, or will not come."""
        self._calls.pop(call, None)
