import pytest

from dragoman_server.engine.room import BULK_ROOM, Room
from dragoman_server.engine.sender import Priority
from dragoman_server.errors import QueueFullError

BULK, INTERACTIVE = Priority.BULK, Priority.INTERACTIVE
SIZE = 100
MOST = int(SIZE * BULK_ROOM)


def test_bulk_leaves_room_for_what_is_interactive() -> None:
    Room(SIZE, interactive=0, bulk=1).check(MOST - 1, own=0, priority=BULK)
    with pytest.raises(QueueFullError, match="no room for 75 more texts of bulk: 1 of at most 75"):
        Room(SIZE, interactive=0, bulk=1).check(MOST, own=0, priority=BULK)
    Room(SIZE, interactive=0, bulk=MOST).check(SIZE - MOST, own=0, priority=INTERACTIVE)


def test_a_first_request_of_bulk_may_fill_the_queue_and_still_leaves_room() -> None:
    Room(SIZE, interactive=0, bulk=0).check(SIZE, own=0, priority=BULK)
    Room(SIZE, interactive=0, bulk=SIZE).check(SIZE - MOST, own=0, priority=INTERACTIVE)
    with pytest.raises(QueueFullError):
        Room(SIZE, interactive=0, bulk=SIZE).check(SIZE - MOST + 1, own=0, priority=INTERACTIVE)


def test_what_is_interactive_may_fill_the_queue_before_bulk_comes() -> None:
    Room(SIZE, interactive=0, bulk=0).check(SIZE, own=0, priority=INTERACTIVE)
    with pytest.raises(QueueFullError, match="100 of at most 100 are waiting"):
        Room(SIZE, interactive=SIZE, bulk=0).check(1, own=0, priority=BULK)
