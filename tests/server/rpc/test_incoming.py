"""Messages on their way: who makes room, and when."""

import pytest

from dragoman_server.rpc.incoming import MOST_TIMES, PATIENCE_SECONDS, Incoming

LATER = 2 * PATIENCE_SECONDS


@pytest.fixture
def incoming() -> Incoming[str]:
    return Incoming(2)


def test_nobody_makes_room_where_there_is_some(incoming: Incoming[str]) -> None:
    incoming.begin("a", "greedy", 0)
    incoming.begin("b", "greedy", 0)
    assert not incoming.is_crowded
    assert incoming.slowest(LATER) is None


def test_a_message_has_a_moment_in_any_case(incoming: Incoming[str]) -> None:
    for call in "abc":
        incoming.begin(call, "greedy", 0)
    assert incoming.is_crowded
    assert incoming.slowest(PATIENCE_SECONDS / 2) is None
    assert incoming.slowest(LATER) == "a"


def test_but_not_where_there_are_far_too_many(incoming: Incoming[str]) -> None:
    for call in range(2 * MOST_TIMES):
        incoming.begin(str(call), "greedy", 0)
    assert incoming.slowest(0) is None
    incoming.begin("last", "greedy", 0)
    assert incoming.slowest(0) == "0"


def test_who_sends_most_makes_room(incoming: Incoming[str]) -> None:
    incoming.begin("light", "first", 0)
    for call in "abc":
        incoming.begin(call, "greedy", 0)
    ended = []
    while (slowest := incoming.slowest(LATER)) is not None:
        incoming.end(slowest, "greedy")
        ended.append(slowest)
    assert ended == ["a", "b"]


def test_what_has_come_counts_no_more_however_often_it_is_said(incoming: Incoming[str]) -> None:
    for call in "abc":
        incoming.begin(call, "greedy", 0)
    for _ in range(2):
        incoming.end("c", "greedy")
    incoming.end("c", "nobody")
    assert not incoming.is_crowded
    incoming.begin("d", "greedy", 0)
    assert incoming.slowest(LATER) == "a"
