"""Who finds room in the queue: it is bounded, and nobody may have all of it.

Pure: numbers in, an error or none out.
"""

from typing import NamedTuple

from dragoman_server.engine.sender import Priority
from dragoman_server.errors import QueueFullError

RETRY_AFTER_SECONDS = 0.5

SHARE = 8
"""A caller who has texts waiting gets room for more as long as they are no more than so many times
the room that is left: who comes next finds some whatever one caller sends."""

FEW_TEXTS = 8
"""That a caller may have waiting wherever there is room."""

BULK_ROOM = 3 / 4
"""Of the queue, which bulk may take: the rest is for those who are answered first. A first request
of many texts may be larger than that, but then takes no room from what is interactive."""


class Room(NamedTuple):
    """What of the queue is taken."""

    size: int
    """Most texts that may wait."""
    interactive: int
    """Texts that wait."""
    bulk: int
    """Likewise."""

    def check(self, texts: int, own: int, priority: Priority) -> None:
        """Refuses texts or does not.

        Args:
            texts: So many come.
            own: So many wait that are the same caller's, of the same class.
            priority: Their class.

        Raises:
            QueueFullError: together they do not fit, or would leave others too little room.
        """
        bulk, bulk_size = self.bulk, int(self.size * BULK_ROOM)
        if priority is Priority.BULK and bulk and bulk + texts > bulk_size:
            raise QueueFullError(
                f"the queue has no room for {texts} more texts of bulk: {bulk} of at most "
                f"{bulk_size} are waiting",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        if priority is Priority.INTERACTIVE:
            bulk = min(bulk, bulk_size)
        waiting = self.interactive + bulk
        left = self.size - waiting - texts
        if left < 0:
            raise QueueFullError(
                f"the queue has no room for {texts} more texts: "
                f"{waiting} of at most {self.size} are waiting",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        if own and own + texts > max(FEW_TEXTS, SHARE * left):
            raise QueueFullError(
                f"{own} texts of this caller are waiting, and {texts} more would leave room for "
                f"{left} of the {self.size} that may wait: it has to leave some to others",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
