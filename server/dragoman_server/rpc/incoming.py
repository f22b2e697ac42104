"""Messages that are on their way: so many at once, that half ones take no memory without end.

Knows whose they are, and their order. Does not know how a call ends.
"""

from typing import Generic, TypeVar

Call = TypeVar("Call")


class Incoming(Generic[Call]):
    """The calls whose messages have begun to come, as far as anybody knows.

    One that was sent whole is among them for as long as gRPC's threads wait for a processor, so
    there have to be as many as a few connections may have open.

    Args:
        most: Of them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._calls_of: dict[str, dict[Call, None]] = {}
        """By connection, in order."""

    def begin(self, call: Call, peer: str) -> Call | None:
        """A connection's next message is on its way.

        Returns the call that has to make room: the slowest of the connection that has most of them.
        """
        self._calls_of.setdefault(peer, {})[call] = None
        self._count += 1
        if self._count <= self._most:
            return None
        fullest = max(self._calls_of.values(), key=len)
        return next(iter(fullest))

    def end(self, call: Call, peer: str) -> None:
        """The message is there, or will not come; does nothing where that is known."""
        calls = self._calls_of.get(peer, {})
        if call in calls:
            del calls[call]
            self._count -= 1
            if not calls:
                del self._calls_of[peer]
