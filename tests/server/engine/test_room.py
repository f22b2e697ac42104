import pytest

from dragoman_server.engine.room import BULK_ROOM, check_room
from dragoman_server.engine.sender import Priority
from dragoman_server.errors import QueueFullError

BULK, INTERACTIVE = Priority.BULK, Priority.INTERACTIVE
SIZE = 100
MOST = int(SIZE * BULK_ROOM)


def test_bulk_leaves_room_for_what_is_interactive() -> None:
    check_room(MOST - 1, 0, BULK, size=SIZE, interactive=0, bulk=1)
    with pytest.raises(QueueFullError, match="no room for 75 more texts of bulk: 1 of at most 75"):
        check_room(MOST, 0, BULK, size=SIZE, interactive=0, bulk=1)
    check_room(SIZE - MOST, 0, INTERACTIVE, size=SIZE, interactive=0, bulk=MOST)


def test_a_first_request_of_bulk_may_fill_the_queue_and_still_leaves_room() -> None:
    check_room(SIZE, 0, BULK, size=SIZE, interactive=0, bulk=0)
    check_room(SIZE - MOST, 0, INTERACTIVE, size=SIZE, interactive=0, bulk=SIZE)
    with pytest.raises(QueueFullError):
        check_room(SIZE - MOST + 1, 0, INTERACTIVE, size=SIZE, interactive=0, bulk=SIZE)


def test_what_is_interactive_may_fill_the_queue_before_bulk_comes() -> None:
    check_room(SIZE, 0, INTERACTIVE, size=SIZE, interactive=0, bulk=0)
    with pytest.raises(QueueFullError, match="100 of at most 100 are waiting"):
        check_room(1, 0, BULK, size=SIZE, interactive=SIZE, bulk=0)
