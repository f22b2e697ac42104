"""Single sentences in an open loop over HTTP/2 written by hand: a tenth of the cost of a client.

A server is asked for ten times what it can do from the same cores, so what asks must cost next to
nothing. It does as gRPC's clients do: calls wait for a free stream in order, and are given up at
their deadline. Knows frames. Does not know what rates are worth trying.
"""

import contextlib
import itertools
import random
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from hpack import Decoder

from dragoman.v1.translation_pb2 import (
    SEGMENTATION_NONE,
    DecodingOptions,
    TranslateTextRequest,
)
from tests.attacks import http2

METHOD = b"/dragoman.v1.TranslationService/TranslateText"
SENTENCE = "Where is the nearest train station, please?"

HEADERS = http2.headers(METHOD)

OK, EXPIRED = "0", "expired"
"""Of a call's ends, which else are gRPC's status codes or `reset`."""

_MOST_STREAMS = 3
_WINDOW = 65_535


@dataclass
class Ends:
    """How calls ended: seconds from when they were due, by their status; and what was answered."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    answers: dict[bytes, set[bytes]] = field(default_factory=dict)
    """Different answers to each message, both with gRPC's five bytes before them."""
    left: int = 0
    """That had not ended when nobody waited any longer."""

    def add(self, status: str, seconds: float) -> None:
        """Takes one in."""
        self.seconds.setdefault(status, []).append(seconds)

    def count(self, status: str) -> int:
        """Returns the number of those that ended so."""
        return len(self.seconds.get(status, ()))

    def quantile(self, status: str, share: float) -> float:
        """Returns what a share of them did not exceed; 0 where there are none."""
        seconds = sorted(self.seconds.get(status, ()))
        return seconds[int(share * (len(seconds) - 1))] if seconds else 0.0


class OpenLoopConnection:
    """One connection and the calls that are due on it."""

    def __init__(
        self,
        address: str,
        ends: Ends,
        deadline_seconds: float | None,
        messages: Sequence[bytes],
    ) -> None:
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.waiting: deque[float] = deque()
        """When each call was due."""
        self.open: dict[int, float] = {}
        """Likewise, by stream; in order."""
        self._asked: dict[int, bytes] = {}
        """The message of each stream that is open."""
        self._answers: dict[int, bytes] = {}
        """What came on each of them."""
        self._ends = ends
        self._deadline = float("inf") if deadline_seconds is None else deadline_seconds
        self._messages = itertools.cycle(messages)
        self._message = next(self._messages)
        self._outbox = bytearray(http2.settings(window=1 << 30))
        self._received = b""
        self._next_stream = 1
        self._most_streams = 1 << 30
        self._window = _WINDOW
        self._statuses: dict[bytes, str] = {}

    def send(self, now: float) -> None:
        """Gives up what is too late, begins what is due, writes what there is room for."""
        while self.waiting and self.waiting[0] + self._deadline <= now:
            self._ends.add(EXPIRED, now - self.waiting.popleft())
        while self._may_begin():
            self._begin(self.waiting.popleft(), now)
        for stream, due in list(self.open.items()):
            if due + self._deadline > now:
                break
            self._outbox += http2.reset(stream)
            self._end(stream, EXPIRED, now)
        if self._outbox:
            with contextlib.suppress(BlockingIOError):
                del self._outbox[: self.socket.send(self._outbox)]

    def receive(self, now: float) -> None:
        """Takes in what has come.

        Raises:
            ConnectionError: The server hung up.
        """
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the server hung up")
        data = self._received + data
        start, taken = 0, 0
        while len(data) - start >= 9:
            length = int.from_bytes(data[start : start + 3], "big")
            if len(data) - start - 9 < length:
                break
            stream = int.from_bytes(data[start + 5 : start + 9], "big")
            payload = data[start + 9 : start + 9 + length]
            self._frame(data[start + 3], data[start + 4], stream, payload, now)
            taken += length if data[start + 3] == http2.DATA else 0
            start += 9 + length
        self._received = data[start:]
        if taken:
            self._outbox += http2.frame(http2.WINDOW, 0, 0, struct.pack(">I", taken))

    def _may_begin(self) -> bool:
        has_room = len(self.open) < self._most_streams and self._window > len(self._message)
        return bool(self.waiting) and has_room

    def _begin(self, due: float, now: float) -> None:
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        block = HEADERS
        if self._deadline < float("inf"):
            left = max(1, int((due + self._deadline - now) * 1000))
            block += _literal(b"grpc-timeout", b"%dm" % left)
        self._outbox += http2.frame(http2.HEADERS, http2.END_HEADERS, stream, block)
        self._outbox += http2.frame(http2.DATA, http2.END_STREAM, stream, self._message)
        self._window -= len(self._message)
        self.open[stream], self._asked[stream] = due, self._message
        self._message = next(self._messages)

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes, now: float) -> None:
        if kind == http2.DATA:
            self._answers[stream] = self._answers.get(stream, b"") + payload
        elif kind == http2.HEADERS and flags & http2.END_STREAM:
            self._end(stream, self._status(payload), now)
        elif kind == http2.RESET:
            self._end(stream, "reset", now)
        elif kind == http2.WINDOW and not stream:
            self._window += int.from_bytes(payload, "big")
        elif kind == http2.PING and not flags & http2.ACK:
            self._outbox += http2.frame(http2.PING, http2.ACK, 0, payload)
        elif kind == http2.SETTINGS and not flags & http2.ACK:
            for name, value in struct.iter_unpack(">HI", payload):
                if name == _MOST_STREAMS:
                    self._most_streams = value
            self._outbox += http2.frame(http2.SETTINGS, http2.ACK, 0, b"")

    def _end(self, stream: int, status: str, now: float) -> None:
        answer, asked = self._answers.pop(stream, b""), self._asked.pop(stream, b"")
        if (due := self.open.pop(stream, None)) is not None:
            self._ends.add(status, now - due)
            if status == OK:
                self._ends.answers.setdefault(asked, set()).add(answer)

    def _status(self, block: bytes) -> str:
        # Without a table the same bytes mean the same on any stream.
        if block not in self._statuses:
            fields = dict(Decoder().decode(block, raw=True))
            self._statuses[block] = fields[b"grpc-status"].decode()
        return self._statuses[block]


def run(
    address: str,
    rate: float,
    seconds: float,
    deadline_seconds: float | None,
    connections: int,
    *,
    messages: Sequence[bytes] = (),
) -> tuple[Ends, float]:
    """Asks for so many sentences a second; returns how they ended, and the CPU seconds it took.

    Arrivals are a Poisson process. What has not ended a second after the last was due is left.
    Connections begin at different messages, so that none comes twice at nearly the same time.

    Args:
        address: Of the server.
        rate: Sentences a second.
        seconds: For so long.
        deadline_seconds: Of each call; None for none.
        connections: Over so many.
        messages: Of the calls, as `message_of` makes them; one sentence where there are none.
    """
    ends = Ends()
    messages = list(messages) or [message_of(SENTENCE)]
    starts = [index * len(messages) // connections for index in range(connections)]
    loop = [
        OpenLoopConnection(address, ends, deadline_seconds, messages[start:] + messages[:start])
        for start in starts
    ]
    poll = select.poll()
    for connection in loop:
        poll.register(connection.socket, select.POLLIN)
    by_number = {connection.socket.fileno(): connection for connection in loop}
    arrivals = random.Random(1)
    began, cpu = time.monotonic(), time.process_time()
    due, last, calls = began, began + seconds, 0
    while (now := time.monotonic()) < last + 1 and (now < last or _has_calls(loop)):
        while due <= now and due < last:
            loop[calls % connections].waiting.append(due)
            calls += 1
            due += arrivals.expovariate(rate)
        for connection in loop:
            connection.send(now)
        for number, _ in poll.poll(1 if due > now else 0):
            by_number[number].receive(time.monotonic())
    for connection in loop:
        ends.left += len(connection.open) + len(connection.waiting)
        connection.socket.close()
    return ends, time.process_time() - cpu


def message_of(sentence: str, length: int | None = None) -> bytes:
    """Returns what a call for a sentence sends: it is translated as it is, and anew each time.

    Args:
        sentence: To be translated.
        length: Target tokens that its translation is to have; None for as many as it has.
    """
    options = DecodingOptions(min_decoding_length=length or 0, max_decoding_length=length)
    request = TranslateTextRequest(
        contents=[sentence],
        segmentation=SEGMENTATION_NONE,
        skip_cache=True,
        options=None if length is None else options,
    )
    return http2.message(request.SerializeToString())


def _literal(name: bytes, value: bytes) -> bytes:
    """Returns a header field for the end of a block, both of fewer than 127 bytes."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def _has_calls(connections: list[OpenLoopConnection]) -> bool:
    return any(connection.open or connection.waiting for connection in connections)
