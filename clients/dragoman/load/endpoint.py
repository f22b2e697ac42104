"""Sends requests over gRPC, on an event loop in a thread of its own.

Knows calls and connections. Does not know LoadGen: it is told what to send, and tells how each
sample ended. Nothing is sent twice: a load test must see every failure.
"""

import asyncio
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import grpc
import uvloop

from dragoman.channel import SERVICE, Certificates, open_async_channel, tls_credentials
from dragoman.credentials import ApiKey, metadata_of
from dragoman.load.answers import Answer, Reader, failed
from dragoman.load.payloads import Payloads
from dragoman.load.sentences import Sentences
from dragoman.options import Options
from dragoman.v1 import translation_pb2 as pb

METHOD = f"/{SERVICE}/TranslateText"

OnAnswers = Callable[[list[Answer]], None]
Call = grpc.aio.UnaryUnaryMultiCallable[bytes, pb.TranslateTextResponse]


@dataclass(frozen=True)
class Connection:
    """Where requests go, and how."""

    target: str
    """host:port of the server, or any gRPC target."""
    certificates: Certificates | None = None
    """None for plain text."""
    channels: int = 1
    """TCP connections, which take turns."""
    timeout: float = 60.0
    """Seconds that a request may take; its deadline."""
    texts_per_request: int = 1
    """Most texts of a request, where so many are to be sent at once."""
    concurrency: int | None = None
    """Most requests in progress; the others wait here. None for no limit."""
    api_key: ApiKey | None = None
    """Goes with every request; None where the server wants none."""


class Endpoint:
    """Sends samples, from any thread, and reports each of them exactly once.

    Args:
        connection: Where to.
        sentences: What the samples' indices mean.
        options: How they are to be translated.
        on_answers: Called on the endpoint's thread.
    """

    def __init__(
        self, connection: Connection, sentences: Sentences, options: Options, on_answers: OnAnswers
    ) -> None:
        self.reader = Reader(sentences)
        self._connection = connection
        self._payloads = Payloads(sentences, options)
        self._metadata = metadata_of(connection.api_key)
        self._on_answers = on_answers
        self._waiting: deque[tuple[Sequence[int], Sequence[int]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="endpoint", daemon=True)
        self._ready = threading.Event()
        self._calls: Iterator[Call]  # of all channels in turns, once they are open

    def start(self) -> None:
        """Opens the channels; they connect with the first requests."""
        self._thread.start()
        self._ready.wait()

    def send(self, response_ids: Sequence[int], indices: Sequence[int]) -> None:
        """Sends samples; returns at once.

        Args:
            response_ids: LoadGen's.
            indices: Of the sentences.
        """
        self._loop.call_soon_threadsafe(self._enqueue, response_ids, indices)

    @property
    def cpu_seconds(self) -> float:
        """CPU time that this process has taken."""
        return time.process_time()

    def close(self) -> None:
        """Ends what is in progress and closes the channels."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        channels = self._loop.run_until_complete(self._open())
        self._ready.set()
        self._loop.run_forever()
        for task in self._tasks:
            task.cancel()
        closing = (channel.close() for channel in channels)
        self._loop.run_until_complete(_all(*self._tasks, *closing))
        self._loop.close()

    async def _open(self) -> list[grpc.aio.Channel]:
        channels = [_open_channel(self._connection) for _ in range(self._connection.channels)]
        self._calls = itertools.cycle(
            channel.unary_unary(
                METHOD,
                request_serializer=None,
                response_deserializer=pb.TranslateTextResponse.FromString,
            )
            for channel in channels
        )
        return channels

    def _enqueue(self, response_ids: Sequence[int], indices: Sequence[int]) -> None:
        size = self._connection.texts_per_request
        for start in range(0, len(indices), size):
            self._waiting.append(
                (response_ids[start : start + size], indices[start : start + size])
            )
        self._start()

    def _start(self) -> None:
        limit = self._connection.concurrency
        while self._waiting and (limit is None or len(self._tasks) < limit):
            task = self._loop.create_task(self._translate(*self._waiting.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._waiting:
            self._start()

    async def _translate(self, response_ids: Sequence[int], indices: Sequence[int]) -> None:
        sent = time.perf_counter()
        call = next(self._calls)
        try:
            payload, timeout = self._payloads.of(indices), self._connection.timeout
            response = await call(payload, timeout=timeout, metadata=self._metadata)
        except (Exception, asyncio.CancelledError) as error:
            if _is_cancelled():
                raise
            seconds = time.perf_counter() - sent
            answers = failed(response_ids, _status(error), seconds, _words(error))
        else:
            seconds = time.perf_counter() - sent
            answers = self.reader.read(response, response_ids, indices, seconds)
        self._on_answers(answers)


def _is_cancelled() -> bool:
    """Whether this task is, and not the call that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _status(error: BaseException) -> str:
    """Returns a status code's name: what gRPC itself breaks off has none."""
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code().name
    return "CANCELLED" if isinstance(error, asyncio.CancelledError) else "INTERNAL"


def _words(error: BaseException) -> str:
    """Returns what was said of a failure, in one line."""
    said = error.details() if isinstance(error, grpc.aio.AioRpcError) else str(error)
    return " ".join((said or "").split())


async def _all(*awaitables: object) -> None:
    await asyncio.gather(*awaitables, return_exceptions=True)  # type: ignore[call-overload]


def _open_channel(connection: Connection) -> grpc.aio.Channel:
    options: list[tuple[str, str | int]] = [
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),  # else channels to one target share a connection
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
    ]
    if connection.target.startswith("dns:"):
        options.append(("grpc.lb_policy_name", "round_robin"))
    credentials = tls_credentials(connection.certificates)
    return open_async_channel(connection.target, credentials, options)
