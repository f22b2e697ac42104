"""Connections that send more than their calls explain: told from those that send much."""

from collections import Counter

from dragoman_server.rpc.floods import ALLOWED_BYTES, ALLOWED_BYTES_PER_SECOND, FloodWatch
from dragoman_server.rpc.sockets import Traffic

PEER, KEY = "ipv4:10.0.0.1:4000", "10.0.0.1 4000"


class Watched:
    """A watch whose clock stands still but for `seconds`."""

    def __init__(self) -> None:
        self.now = 100.0
        self.watch = FloodWatch(lambda: self.now)

    def floods(self, received: int, *, seconds: float = 0.0, pending: int = 0) -> bool:
        self.now += seconds
        flooding = self.watch.look([Traffic(KEY, received)], Counter({PEER: pending}))
        return list(flooding) == [Traffic(KEY, received)]


def test_who_sends_more_than_is_allowed_floods() -> None:
    watched = Watched()
    assert not watched.floods(ALLOWED_BYTES)
    assert watched.floods(ALLOWED_BYTES + 1)


def test_a_flood_is_told_once() -> None:
    watched = Watched()
    assert watched.floods(ALLOWED_BYTES + 1)
    assert not watched.floods(3 * ALLOWED_BYTES)


def test_who_is_condemned_floods_whatever_came() -> None:
    watched = Watched()
    watched.watch.condemn(PEER)
    assert watched.floods(1)
    assert not watched.floods(2)


def test_who_could_not_be_hung_up_on_is_told_again() -> None:
    watched = Watched()
    assert watched.floods(ALLOWED_BYTES + 1)
    watched.watch.spared(Traffic(KEY, ALLOWED_BYTES + 1))
    assert watched.floods(ALLOWED_BYTES + 1, seconds=60)
    assert not watched.floods(ALLOWED_BYTES + 1)


def test_who_was_condemned_and_is_gone_is_forgotten() -> None:
    watched = Watched()
    watched.watch.condemn(PEER)
    assert list(watched.watch.look([], Counter())) == []
    assert not watched.floods(1)


def test_who_sends_as_slowly_as_is_allowed_may_go_on() -> None:
    watched = Watched()
    for second in range(60):
        assert not watched.floods((second + 1) * ALLOWED_BYTES_PER_SECOND, seconds=1)
    assert not watched.floods(60 * ALLOWED_BYTES_PER_SECOND + ALLOWED_BYTES)


def test_what_calls_explain_is_no_flood() -> None:
    watched = Watched()
    received = 0
    for _ in range(50):
        received += ALLOWED_BYTES
        watched.watch.explain(PEER, ALLOWED_BYTES)
        assert not watched.floods(received)
    assert watched.floods(received + ALLOWED_BYTES + 1)


def test_what_may_still_become_a_call_is_no_flood_yet() -> None:
    watched = Watched()
    assert not watched.floods(2 * ALLOWED_BYTES, pending=ALLOWED_BYTES)
    assert watched.floods(2 * ALLOWED_BYTES)


def test_who_explained_much_has_no_credit() -> None:
    watched = Watched()
    watched.watch.explain(PEER, 10 * ALLOWED_BYTES)
    assert not watched.floods(ALLOWED_BYTES)
    assert watched.floods(2 * ALLOWED_BYTES + 1)


def test_a_port_that_comes_again_begins_anew() -> None:
    watched = Watched()
    assert not watched.floods(ALLOWED_BYTES)
    assert not watched.floods(ALLOWED_BYTES - 1)
    assert watched.floods(2 * ALLOWED_BYTES)
    assert watched.floods(ALLOWED_BYTES + 1)


def test_who_is_gone_is_forgotten() -> None:
    watched = Watched()
    watched.watch.explain(PEER, ALLOWED_BYTES)
    assert list(watched.watch.look([], Counter())) == []
    assert watched.floods(ALLOWED_BYTES + 1)
