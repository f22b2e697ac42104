"""Messages on their way: who makes room, and when."""

import pytest

from dragoman_server.rpc.incoming import Incoming


@pytest.fixture
def incoming() -> Incoming[str]:
    return Incoming(3)


def test_nobody_makes_room_where_there_is_some(incoming: Incoming[str]) -> None:
    assert [incoming.begin(call, "greedy") for call in "abc"] == [None] * 3


def test_the_slowest_of_who_sends_most_makes_room(incoming: Incoming[str]) -> None:
    incoming.begin("light", "first")
    for call in "ab":
        incoming.begin(call, "greedy")
    ended = []
    for call in "xyz":
        slowest = incoming.begin(call, "greedy")
        assert slowest is not None
        incoming.end(slowest, "greedy")
        ended.append(slowest)
    assert ended == ["a", "b", "x"]


def test_what_has_come_counts_no_more_however_often_it_is_said(incoming: Incoming[str]) -> None:
    for call in "abc":
        incoming.begin(call, "greedy")
    for _ in range(2):
        incoming.end("c", "greedy")
    incoming.end("c", "nobody")
    assert incoming.begin("d", "greedy") is None
    assert incoming.begin("e", "greedy") == "a"
