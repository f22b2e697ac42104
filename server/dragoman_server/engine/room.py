"""Who finds room in the queue: it is bounded, and nobody may have all of it.

Pure: numbers in, an error or none out.
"""

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


def fits_anyway(texts: int, waiting: int, size: int) -> bool:
    """Whether so many texts find room whosesoever they are: half of the queue stays empty."""
    return 2 * (waiting + texts) <= size


def check_room(
    texts: int, own: int, priority: Priority, *, size: int, interactive: int, bulk: int
) -> None:
    """Refuses texts or does not.

    Args:
        texts: So many come.
        own: So many wait that are the same caller's, of the same class.
        priority: Their class.
        size: Most texts that may wait.
        interactive: Texts that wait.
        bulk: Likewise.

    Raises:
        QueueFullError: together they do not fit, or would leave others too little room.
    """
    if bulk:
        bulk_size = int(size * BULK_ROOM)
        if priority is Priority.INTERACTIVE:
            bulk = min(bulk, bulk_size)
        elif bulk + texts > bulk_size:
            raise QueueFullError(
                f"the queue has no room for {texts} more texts of bulk: {bulk} of at most "
                f"{bulk_size} are waiting",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
    left = size - interactive - bulk - texts
    if left < 0:
        raise QueueFullError(
            f"the queue has no room for {texts} more texts: "
            f"{interactive + bulk} of at most {size} are waiting",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )
    if own and own + texts > max(FEW_TEXTS, SHARE * left):
        raise QueueFullError(
            f"{own} texts of this caller are waiting, and {texts} more would leave room for "
            f"{left} of the {size} that may wait: it has to leave some to others",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )
