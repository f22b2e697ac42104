"""Messages that are on their way: so many at once, that half ones take no memory without end.

Knows whose they are and since when. Does not know how a call ends.
"""

from typing import Generic, TypeVar

Call = TypeVar("Call")

PATIENCE_SECONDS = 0.1
"""That a message has in any case, but where there are MOST_TIMES as many as allowed: one that was
sent whole is there by then."""

MOST_TIMES = 4


class Incoming(Generic[Call]):
    """The calls whose messages have begun to come, as far as anybody knows.

    Args:
        most: Of them, but for those that began within PATIENCE_SECONDS.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._calls_of: dict[str, dict[Call, float]] = {}
        """By connection, each with when it began, in order."""

    @property
    def is_crowded(self) -> bool:
        """Whether there are more than so many."""
        return self._count > self._most

    def begin(self, call: Call, peer: str, now: float) -> None:
        """A connection's next message is on its way from `now` on."""
        self._calls_of.setdefault(peer, {})[call] = now
        self._count += 1

    def end(self, call: Call, peer: str) -> None:
        """The message is there, or will not come; does nothing where that is known."""
        calls = self._calls_of.get(peer, {})
        if calls.pop(call, None) is not None:
            self._count -= 1
            if not calls:
                del self._calls_of[peer]

    def slowest(self, now: float) -> Call | None:
        """Returns the call that has to make room, one of the connection that has most of them.

        None where there is room, or that one has not had its time.
        """
        if not self.is_crowded:
            return None
        call, began_at = next(iter(max(self._calls_of.values(), key=len).items()))
        is_due = began_at + PATIENCE_SECONDS <= now or self._count > MOST_TIMES * self._most
        return call if is_due else None
