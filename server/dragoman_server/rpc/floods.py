"""Tells connections that send far more than their calls explain: floods of frames.

gRPC's core answers pings, window updates, resets, frames of unknown kinds and headers that are too
large one by one and as fast as it can; of empty frames alone it has enough by itself, from 1.82 on.
For its next read of a connection it sets aside what came since it last had read all that there was
(`PosixEndpointImpl::FinishEstimate`), the more the longer it does not catch up; an option bounds
that since 1.84. Whoever goes on is hung up on, at the first look after ALLOWED_BYTES.

Owns what each connection has sent that was good for something. Does not know what a call is.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from dragoman_server.rpc.sockets import Traffic, key_of

ALLOWED_BYTES = 8 << 20
"""That a connection may send for nothing, and again at ALLOWED_BYTES_PER_SECOND."""

ALLOWED_BYTES_PER_SECOND = 2 << 20


class _Seen(NamedTuple):
    received_bytes: int
    explained_bytes: int
    excess_bytes: float
    floods: bool
    """Whether that was said."""


class FloodWatch:
    """Compares what comes over a server's connections with what its calls explain.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._looked_at = clock()
        self._explained: Counter[str] = Counter()
        self._condemned: set[str] = set()
        self._seen: dict[str, _Seen] = {}

    def explain(self, peer: str, size: int) -> None:
        """So many bytes of a connection were part of a call, whose peer is as gRPC says it."""
        self._explained[peer] += size

    def condemn(self, peer: str) -> None:
        """A connection floods, however much has come over it."""
        self._condemned.add(key_of(peer))

    def spared(self, connection: Traffic) -> None:
        """It could not be hung up on: the next look yields it again, whatever has come by then."""
        self._condemned.add(connection.peer)
        self._seen[connection.peer] = self._seen[connection.peer]._replace(floods=False)

    def look(self, connections: Collection[Traffic], pending: Counter[str]) -> Iterator[Traffic]:
        """Yields the connections that flood, each once but for those spared; all are to be taken.

        Args:
            connections: All that are open: one that is missed counts as new when it is back.
            pending: Bytes that may be on their way, by peer.
        """
        now = self._clock()
        forgiven = ALLOWED_BYTES_PER_SECOND * (now - self._looked_at)
        self._looked_at = now
        pending = _by_key(pending)
        explained = _by_key(self._explained)
        seen, self._seen = self._seen, {}
        for connection in connections:
            peer, received = connection
            before = seen.get(peer)
            if before is None or received < before.received_bytes:  # it was not there before
                before = _Seen(0, 0, 0.0, floods=False)
            more = received - before.received_bytes
            good = explained[peer] - before.explained_bytes
            excess = max(0.0, before.excess_bytes + more - good - forgiven)
            floods = excess - pending[peer] > ALLOWED_BYTES or peer in self._condemned
            self._seen[peer] = _Seen(received, explained[peer], excess, before.floods or floods)
            if floods and not before.floods:
                yield connection
        self._condemned.clear()
        for peer in [peer for peer in self._explained if key_of(peer) not in self._seen]:
            del self._explained[peer]


def _by_key(sizes: Counter[str]) -> Counter[str]:
    return Counter({key_of(peer): size for peer, size in sizes.items()})
