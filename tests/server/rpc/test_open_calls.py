"""What the calls of a connection explain of what came over it."""

from collections.abc import Collection

import pytest

from dragoman_server.rpc import Call, Caller, Limits, Method, Traffic, WireCall
from dragoman_server.rpc.floods import ALLOWED_BYTES
from dragoman_server.rpc.open_calls import OpenCalls

PEER, KEY = "ipv4:10.0.0.1:4000", "10.0.0.1 4000"
HEADER_BYTES = 16_000


class Core:
    """In place of a call in the core."""

    def start_server_batch(self, operations: object, tag: object) -> None:
        pass

    def cancel(self, code: int, details: str) -> None:
        pass

    def peer(self) -> str:
        return PEER


async def nothing(_: Call) -> None:
    pass


METHOD = Method(nothing, lambda _, message: message)


class Watched:
    """Calls of a connection over which so much has come as `received` says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.received = 0
        self.calls = OpenCalls(Limits(10.0, 64, 1 << 10, 16_384, 64, 32_768))
        monkeypatch.setattr("dragoman_server.rpc.open_calls.open_connections", self._look)

    def begin(self) -> WireCall:
        call = WireCall(Core(), Caller(PEER, None, 0, 0, 0), HEADER_BYTES)
        self.calls.begin(call, METHOD)
        return call

    @property
    def floods(self) -> bool:
        return list(self.calls.flooding({1})) == [Traffic(KEY, self.received)]

    def _look(self, ports: Collection[int]) -> list[Traffic]:
        assert ports == {1}
        return [Traffic(KEY, self.received)]


def test_headers_of_answered_calls_are_no_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    for _ in range(4 * ALLOWED_BYTES // HEADER_BYTES):
        call = watched.begin()
        call.has_request = True
        watched.calls.end(call)
        watched.received += HEADER_BYTES
    assert not watched.floods
    watched.received += 2 * ALLOWED_BYTES
    assert watched.floods


def test_headers_of_open_calls_are_no_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    for _ in range(4 * ALLOWED_BYTES // HEADER_BYTES):
        watched.begin().has_request = True
        watched.received += HEADER_BYTES
    assert not watched.floods
    watched.received += 4 * ALLOWED_BYTES
    assert watched.floods


def test_headers_of_refused_calls_are_no_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    for _ in range(4 * ALLOWED_BYTES // HEADER_BYTES):
        watched.calls.refused(PEER, HEADER_BYTES)
        watched.received += 2 * HEADER_BYTES
    assert not watched.floods


def test_headers_of_calls_that_were_given_up_explain_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched(monkeypatch)
    for _ in range(2 * ALLOWED_BYTES // HEADER_BYTES):
        watched.calls.end(watched.begin())
        watched.received += HEADER_BYTES
    assert watched.floods


def test_time_that_counts_against_no_call_changes_nothing_of_when_it_came() -> None:
    call = WireCall(Core(), Caller(PEER, None, 0, 0, 0), HEADER_BYTES)
    came = call.arrived_at
    call.forgive(5.0)
    assert (call.arrived_at, call.waits_since) == (came, came + 5.0)
    call.finish()
    assert call.waits_since == call.ended_at, "for its end it waits anew"
