"""The sync side of a stream of texts: one call at a time, kept filled from a window.

Knows threads and calls. What is sent, sent again and handed out is the window's to decide. Three
threads work beside the one that takes the results: one reads the input, one sends (gRPC's own),
one receives. Each sleeps on one condition, and all end before the iterator does; only a thread
that is inside the caller's own iterable cannot be woken, and is left to end by itself.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Protocol

import grpc

from dragoman.errors import DragomanError
from dragoman.results import StreamResult
from dragoman.status import error_from_answer, error_from_rpc
from dragoman.streaming.window import Window
from dragoman.target import Target
from dragoman.v1 import translation_pb2 as pb

GOODBYE_SECONDS = 1.0
"""How long the server has to end a call whose texts are all answered, before it is cancelled."""

HEED_SECONDS = 0.2
"""Most that the consumer waits at a time. An interrupt that arrives just before Python waits for a
lock is not heeded before that wait is over; gRPC's own calls wait like this, too."""


class ResponseCall(Protocol):
    """An open StreamTranslateText call."""

    def __iter__(self) -> Iterator[pb.StreamTranslateTextResponse]: ...
    def cancel(self) -> bool:  # noqa: D102
        ...
    def add_callback(self, callback: Callable[[], None]) -> bool:  # noqa: D102
        ...


OpenCall = Callable[[Iterator[pb.StreamTranslateTextRequest]], ResponseCall]


class _Connection:
    """One call and the thread that receives from it."""

    def __init__(self, stream: "TextStream") -> None:
        self.over = False  # guarded by the stream's condition
        self.call = stream.open_call(stream.requests(self))
        self.receiver = threading.Thread(
            target=stream.receive, args=(self,), name="dragoman-receive", daemon=True
        )


class TextStream:
    """Feeds texts through a window to the server and iterates over the results."""

    def __init__(
        self, texts: Iterable[str], window: Window, open_call: OpenCall, target: Target
    ) -> None:
        self.open_call = open_call
        self._texts = texts
        self._window = window
        self._target = target
        self._changed = threading.Condition()  # guards all that follows, and the window
        self._connection: _Connection | None = None
        self._in_input = False  # the feeder is inside the caller's iterable
        self._closed = False

    def results(self) -> Generator[StreamResult, None, None]:
        """Yields the results in order; starts with the first, cleans up when it is closed.

        Raises:
            DragomanError: The stream as a whole failed.
            Exception: What the caller's iterable raised.
        """
        feeder = threading.Thread(target=self._feed, name="dragoman-feed", daemon=True)
        feeder.start()
        try:
            while (result := self._next_result()) is not None:
                yield result
        finally:
            self._close(feeder)

    def requests(self, connection: _Connection) -> Iterator[pb.StreamTranslateTextRequest]:
        """Yields what one call has to send; gRPC iterates over it in a thread of its own."""
        while (request := self._next_request(connection)) is not None:
            yield request

    def receive(self, connection: _Connection) -> None:
        """Hands the answers of one call to the window until the call ends."""
        error = self._receive_all(connection.call)
        with self._changed:
            connection.over = True
            self._connection = None
            self._window.lose_call(error, time.monotonic())
            self._changed.notify_all()

    def _receive_all(self, call: ResponseCall) -> DragomanError | None:
        """Returns what ended the call; None where it ended in good order."""
        try:
            for response in call:
                with self._changed:
                    self._window.answer(response, time.monotonic())
                    self._changed.notify_all()
        except grpc.RpcError as rpc_error:
            return error_from_rpc(rpc_error, self._target)
        except Exception as wrong_answer:  # noqa: BLE001  else the consumer would wait for ever
            call.cancel()
            return error_from_answer(wrong_answer)
        return None

    def _next_result(self) -> StreamResult | None:
        with self._changed:
            while True:
                if (result := self._window.pop()) is not None:
                    self._changed.notify_all()
                    return result
                if self._window.is_done:
                    return None
                now = time.monotonic()
                self._window.raise_failure(now)
                if self._connection is None and self._window.should_open(now):
                    self._connection = _Connection(self)
                    self._connection.receiver.start()
                event = self._window.seconds_to_event(now)
                self._changed.wait(HEED_SECONDS if event is None else min(event, HEED_SECONDS))

    def _next_request(self, connection: _Connection) -> pb.StreamTranslateTextRequest | None:
        with self._changed:
            while not (connection.over or self._closed):
                now = time.monotonic()
                if self._window.nothing_to_send(now):
                    break
                if (request := self._window.take(now)) is not None:
                    return request
                self._changed.wait(self._window.seconds_to_event(now))
        return None

    def _feed(self) -> None:
        error: Exception | None = None
        try:
            iterator = iter(self._texts)
            while self._wait_for_room():
                try:
                    text = next(iterator)
                except StopIteration:
                    break
                self._add(text)
        except Exception as input_error:  # noqa: BLE001  whatever it is, it is the consumer's
            error = input_error
        with self._changed:
            self._in_input = False
            self._window.end_input(error)
            self._changed.notify_all()

    def _wait_for_room(self) -> bool:
        """Returns whether the next text is to be read, when that is decided."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._window.has_room)
            self._in_input = not self._closed
            return self._in_input

    def _add(self, text: str) -> None:
        with self._changed:
            self._in_input = False
            self._window.add(text)
            self._changed.notify_all()

    def _close(self, feeder: threading.Thread) -> None:
        with self._changed:
            self._closed = True
            connection = self._connection
            feeder_ends = not self._in_input
            finished = self._window.is_done
            self._changed.notify_all()
        if connection is not None:
            if finished:
                connection.receiver.join(GOODBYE_SECONDS)
            connection.call.cancel()
            connection.receiver.join()
        if feeder_ends:
            feeder.join()
