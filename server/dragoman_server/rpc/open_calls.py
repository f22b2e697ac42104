"""The calls that the core has not done with: who has how many, which take too long, who floods.

Knows calls by their connections and times. Ends none of them: the server does.
"""

import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from dragoman_server.rpc.call import WireCall
from dragoman_server.rpc.floods import FloodWatch
from dragoman_server.rpc.incoming import Incoming
from dragoman_server.rpc.method import Method
from dragoman_server.rpc.shares import Tally, why_no_more
from dragoman_server.rpc.sockets import Traffic, open_connections

CALL_BYTES = 8 << 10
"""That a call may have beside its messages and headers."""

REFUSED_BYTES = 24 << 10
"""Of a call that nobody has read, beside its headers."""


class Limits(NamedTuple):
    """What a server takes in."""

    message_timeout_seconds: float
    """For a call's one message to come, and for its end to be taken."""
    incoming: int
    """Messages on their way at once; where there are more, the slowest of the connection that has
    most of them are ended."""
    message_bytes: int
    """Of the largest message."""
    header_bytes: int
    """Of the headers of a call."""
    streams: int
    """Calls at once that may send one message after the other: of none of them is known whether the
    next one is on its way."""
    unread_bytes: int
    """Of a connection, that the kernel keeps until somebody reads them."""


class OpenCalls:
    """From their beginning until the core has done with them.

    Attributes:
        tally: How many there are, and of which connections.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._methods: dict[WireCall, Method] = {}
        """In order of arrival."""
        self.tally = Tally()
        self._streams = Tally()
        self._incoming: Incoming[WireCall] = Incoming(limits.incoming)
        self._floods = FloodWatch(time.monotonic)

    @property
    def total(self) -> int:
        """Their number."""
        return self.tally.total

    def of(self, peer: str) -> int:
        """Returns the number of a connection's calls."""
        return self.tally.of(peer)

    def method_of(self, call: WireCall) -> Method:
        """Returns what was called."""
        return self._methods[call]

    def why_no_more_streams(self, peer: str) -> str | None:
        """Returns why a connection may begin no stream; None where it may."""
        own, total = self._streams.of(peer), self._streams.total
        return why_no_more(own, total, most=self._limits.streams, what="streams")

    def refused(self, peer: str, header_bytes: int) -> None:
        """A connection's call with such headers was refused before it was one of these."""
        self._floods.explain(peer, header_bytes + REFUSED_BYTES)

    def condemn(self, peer: str) -> None:
        """A connection is to be hung up on, whatever else it sends."""
        self._floods.condemn(peer)

    def spared(self, connection: Traffic) -> None:
        """A connection that floods could not be hung up on."""
        self._floods.spared(connection)

    def begin(self, call: WireCall, method: Method) -> WireCall | None:
        """One more, whose first message is asked for; returns one that has to make room for it."""
        self._methods[call] = method
        self.tally.add(call.peer)
        if method.read is None:
            self._streams.add(call.peer)
            return None
        return self._incoming.begin(call, call.peer)

    def message_came(self, call: WireCall) -> None:
        """The one message of a call is there, or will not come any more."""
        self._incoming.end(call, call.peer)

    def end(self, call: WireCall) -> None:
        """The core has done with a call."""
        self._incoming.end(call, call.peer)
        if call.has_request or call.received_bytes:
            self._floods.explain(call.peer, call.header_bytes + call.received_bytes + CALL_BYTES)
        self.tally.remove(call.peer)
        if self._methods.pop(call).read is None:
            self._streams.remove(call.peer)

    def forgive(self, seconds: float) -> None:
        """The server stood still for so long: no call is late for that."""
        for call in self._methods:
            call.forgive(seconds)

    def late(self) -> list[WireCall]:
        """Returns those whose message has not come in time, and whose end was not taken in time."""
        limit = time.monotonic() - self._limits.message_timeout_seconds
        return [call for call in self._methods if call.waits_since <= limit]

    def flooding(self, ports: set[int]) -> Iterator[Traffic]:
        """Yields the connections to `ports` that send far more than calls."""
        pending: Counter[str] = Counter()
        for call, method in self._methods.items():
            pending[call.peer] += call.header_bytes + call.received_bytes + CALL_BYTES
            if method.read is None or not call.has_request:
                pending[call.peer] += self._limits.message_bytes
        return self._floods.look(list(open_connections(ports)), pending)
