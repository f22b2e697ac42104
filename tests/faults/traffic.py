"""Sends messages by their numbers over several connections, as calls and as streams.

Some calls are given up in their midst, and some have next to no time. Knows which codes each call
may end with, keeps every other. Does not know whether the server is well.
"""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

import grpc
from google.protobuf.message import Message
from grpc_health.v1.health_pb2 import HealthCheckRequest

from dragoman.v1.translation_pb2 import (
    ListModelsRequest,
    StreamTranslateTextRequest,
    StreamTranslateTextResponse,
    TranslateTextRequest,
    TranslateTextResponse,
)
from tests.faults.messages import message

SERVICE = "/dragoman.v1.TranslationService"
UNARY: dict[str, type[Message]] = {
    f"{SERVICE}/TranslateText": TranslateTextRequest,
    f"{SERVICE}/ListModels": ListModelsRequest,
    "/grpc.health.v1.Health/Check": HealthCheckRequest,
}
WEIGHTS = (18, 1, 1)
STREAM = f"{SERVICE}/StreamTranslateText"

DAMAGED, DAMAGED_IN_STREAM = 0.5, 0.1
"""Of the messages; one ends its stream."""

CALL_SECONDS = 60.0
"""Within which each call ends; one that does not hangs."""

DOCUMENTED = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
"""What a call may end with while the server is well and its client waits."""

_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Temper(NamedTuple):
    """How patient the client of a call is."""

    seconds: float
    gives_up_after: float | None

    @property
    def codes(self) -> set[grpc.StatusCode]:
        """What its calls may end with."""
        codes = set(DOCUMENTED)
        if self.seconds < CALL_SECONDS:
            codes.add(grpc.StatusCode.DEADLINE_EXCEEDED)
        if self.gives_up_after is not None:
            codes.add(grpc.StatusCode.CANCELLED)
        return codes

    @contextmanager
    def giving_up(self, call: grpc.RpcContext) -> Iterator[None]:
        """Cancels the call in its midst, where the client is one who does that."""
        if self.gives_up_after is None:
            yield
            return
        timer = threading.Timer(self.gives_up_after, call.cancel)
        timer.start()
        yield
        timer.join()


class Traffic:
    """Messages that were sent, and what became of them.

    By threads: a stream of grpc.aio that the server ends while more is written tells INTERNAL in
    place of what the server said.

    Attributes:
        codes: How calls ended, and texts of streams.
        wrong: Those that should not have ended so, with the numbers of their messages.
        sent: Messages.
    """

    def __init__(self, address: str, seed: int) -> None:
        self._address = address
        self._seed = seed
        self._lock = threading.Lock()
        self.codes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.sent = 0

    def send(self, numbers: range, *, connections: int, callers: int) -> None:
        """Sends the messages of these numbers, each caller one call after the other."""
        left = iter(numbers)
        with ExitStack() as stack:
            callings = stack.enter_context(ThreadPoolExecutor(connections * callers))
            done = []
            for _ in range(connections):
                # Else channels of one process to one address share a connection.
                options = [("grpc.use_local_subchannel_pool", 1)]
                channel = stack.enter_context(grpc.insecure_channel(self._address, options))
                done += [callings.submit(self._calls, left, channel) for _ in range(callers)]
            for each in done:
                each.result()

    def _calls(self, left: Iterator[int], channel: grpc.Channel) -> None:
        while (number := next(left, None)) is not None:
            chance = random.Random(f"call {self._seed} {number}")
            if chance.random() < 0.5:
                self._call(number, chance, channel)
            else:
                more = (next(left, None) for _ in range(chance.randrange(8)))
                numbers = [number, *(each for each in more if each is not None)]
                self._stream(numbers, chance, channel)

    def _call(self, number: int, chance: random.Random, channel: grpc.Channel) -> None:
        (path,) = chance.choices(list(UNARY), WEIGHTS)
        content, temper = message(number, self._seed, UNARY[path], DAMAGED), _temper(chance)
        method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
        call = method.future(content, timeout=temper.seconds)
        with temper.giving_up(call), suppress(grpc.RpcError, grpc.FutureCancelledError):
            self._check_answer(call.result(), content, number, path)
        self._note(call.code(), temper.codes, f"{path} {number}: {call.details()}")
        with self._lock:
            self.sent += 1

    def _check_answer(self, answer: bytes, content: bytes, number: int, path: str) -> None:
        if path.endswith("TranslateText"):
            request = TranslateTextRequest.FromString(content)
            due = len(request.contents) * max(1, len(request.target_language_codes))
            if len(TranslateTextResponse.FromString(answer).translations) != due:
                self._tell(f"{path} {number}: not as many translations as texts")

    def _stream(self, numbers: list[int], chance: random.Random, channel: grpc.Channel) -> None:
        temper = _temper(chance)
        contents = [
            message(number, self._seed, StreamTranslateTextRequest, DAMAGED_IN_STREAM)
            for number in numbers
        ]
        method: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(STREAM)
        call = method(iter(contents), timeout=temper.seconds)
        answered = 0
        with temper.giving_up(call), suppress(grpc.RpcError):
            for answer in call:
                answered += self._is_last(answer, temper, numbers)
        code = call.code()
        if code is grpc.StatusCode.OK and answered != len(contents):
            self._tell(f"stream {numbers}: {answered} of {len(contents)} texts answered")
        self._note(code, temper.codes, f"stream {numbers}: {call.details()}")
        with self._lock:
            self.sent += len(contents)

    def _is_last(self, answer: bytes, temper: Temper, numbers: list[int]) -> bool:
        """Whether a text has no further answer."""
        response = StreamTranslateTextResponse.FromString(answer)
        kind = response.WhichOneof("result")
        if kind == "error":
            code = _CODES[response.error.code]
            self._note(code, temper.codes, f"stream {numbers}: {response.error.message}")
        elif kind == "translation":
            self._note(grpc.StatusCode.OK, temper.codes, "")
        return kind != "partial_text"

    def _note(self, code: grpc.StatusCode, may_be: set[grpc.StatusCode], what: str) -> None:
        with self._lock:
            self.codes[code.name] += 1
        if code not in may_be:
            self._tell(f"{code.name} {what}")

    def _tell(self, what: str) -> None:
        with self._lock:
            self.wrong.append(what)


def _temper(chance: random.Random) -> Temper:
    kind = chance.random()
    if kind < 0.04:
        return Temper(CALL_SECONDS, chance.uniform(0, 0.05))
    if kind < 0.08:
        return Temper(chance.uniform(0.001, 0.1), None)
    return Temper(CALL_SECONDS, None)
