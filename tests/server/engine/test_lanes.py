"""Which lane goes next, among many and after anything that may happen to them."""

import random

from dragoman_server.engine.lane import Lane
from dragoman_server.engine.lanes import MOST_PASSED, Lanes
from dragoman_server.engine.sender import Sender
from dragoman_server.sequence import Sequence, TranslationOptions

OPTIONS = TranslationOptions(100)
SENDERS = [Sender(f"caller-{index}", weight=1 + index % 3) for index in range(12)]


def _texts(steps: int, count: int = 1) -> list[Sequence]:
    return [Sequence([1], OPTIONS, expected_steps=steps) for _ in range(count)]


def _callers(lanes: Lanes) -> list[Lane]:
    every = [lanes.lane(sender.caller) for sender in SENDERS]
    return [lane for lane in every if lane is not None]


def test_the_lane_goes_next_that_had_least_whatever_came_went_or_was_picked_before() -> None:
    draw, lanes = random.Random(1), Lanes()
    for _ in range(3000):
        there = _callers(lanes)
        match draw.choice(("put", "put", "take", "take", "pick", "forget")):
            case "put":
                lanes.put(_texts(draw.randint(1, 30), draw.randint(1, 3)), draw.choice(SENDERS))
            case "take" if there:
                lanes.take(_next(lanes))
            case "pick" if there:
                lanes.take(draw.choice(there))
            case "forget" if there:
                lanes.forget(draw.choice(draw.choice(there).sequences))
        if there := _callers(lanes):
            assert _next(lanes).served == min(lane.served for lane in there)
        else:
            assert lanes.next() is None


def test_of_lanes_that_had_as_much_who_came_first_goes_first() -> None:
    lanes = Lanes()
    for sender in SENDERS[:4]:
        lanes.put(_texts(5), sender)
    went = []
    for _ in range(4):
        went.append(_next(lanes).caller)
        lanes.take(_next(lanes))
    assert went == [sender.caller for sender in SENDERS[:4]]


def test_the_order_stays_small_while_only_some_callers_may_go() -> None:
    lanes = Lanes()
    lanes.put(_texts(1, 1000), SENDERS[0])
    lanes.put(_texts(1), SENDERS[1])
    for _ in range(999):
        lane = lanes.next({SENDERS[0].caller})
        assert lane is not None
        lanes.take(lane)
        assert len(lanes._order) <= 2 * len(lanes) + MOST_PASSED


def _next(lanes: Lanes) -> Lane:
    lane = lanes.next()
    assert lane is not None
    return lane
