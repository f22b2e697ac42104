"""The asyncio side of a stream of texts: one call at a time, kept filled from a window.

Knows tasks and calls. What is sent, sent again and handed out is the window's to decide. One task
reads the input, one sends (gRPC's own), one receives; each sleeps on one condition, and all end
before the iterator does.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from typing import Protocol

import grpc

from dragoman.errors import CallCancelledError, DragomanError
from dragoman.results import StreamResult
from dragoman.status import error_from_answer, error_from_rpc
from dragoman.streaming.window import Window
from dragoman.target import Target
from dragoman.v1 import translation_pb2 as pb

GOODBYE_SECONDS = 1.0
"""How long the server has to end a call whose texts are all answered, before it is cancelled."""


class ResponseCall(Protocol):
    """An open StreamTranslateText call."""

    def __aiter__(self) -> AsyncIterator[pb.StreamTranslateTextResponse]: ...
    def cancel(self) -> bool:  # noqa: D102
        ...


OpenCall = Callable[[AsyncIterator[pb.StreamTranslateTextRequest]], ResponseCall]


class _Connection:
    """One call and the task that receives from it."""

    def __init__(self, stream: "AsyncTextStream") -> None:
        self.over = False
        self.call = stream.open_call(stream.requests(self))
        self.receiver = asyncio.create_task(stream.receive(self), name="dragoman-receive")


class AsyncTextStream:
    """Feeds texts through a window to the server and iterates over the results."""

    def __init__(
        self,
        texts: Iterable[str] | AsyncIterable[str],
        window: Window,
        open_call: OpenCall,
        target: Target,
    ) -> None:
        self.open_call = open_call
        self._texts = texts
        self._window = window
        self._target = target
        self._changed = asyncio.Condition()
        self._connection: _Connection | None = None

    async def results(self) -> AsyncGenerator[StreamResult, None]:
        """Yields the results in order; starts with the first, cleans up when it is closed.

        Raises:
            DragomanError: The stream as a whole failed.
            Exception: What the caller's iterable raised.
        """
        feeder = asyncio.create_task(self._feed(), name="dragoman-feed")
        try:
            while (result := await self._next_result()) is not None:
                yield result
        finally:
            await self._close(feeder)

    async def requests(
        self, connection: _Connection
    ) -> AsyncGenerator[pb.StreamTranslateTextRequest, None]:
        """Yields what one call has to send; gRPC iterates over it in a task of its own."""
        while (request := await self._next_request(connection)) is not None:
            yield request

    async def receive(self, connection: _Connection) -> None:
        """Hands the answers of one call to the window until the call ends."""
        error = await self._receive_all(connection.call)
        async with self._changed:
            connection.over = True
            self._connection = None
            self._window.lose_call(error, _now())
            self._changed.notify_all()

    async def _receive_all(self, call: ResponseCall) -> DragomanError | None:
        """Returns what ended the call; None where it ended in good order."""
        try:
            async for response in call:
                async with self._changed:
                    self._window.answer(response, _now())
                    self._changed.notify_all()
        except grpc.RpcError as rpc_error:
            return error_from_rpc(rpc_error, self._target)
        except asyncio.CancelledError:  # the client was closed, or this stream is being closed
            return CallCancelledError("the stream was cancelled")
        except Exception as wrong_answer:  # noqa: BLE001  else the consumer would wait for ever
            call.cancel()
            return error_from_answer(wrong_answer)
        return None

    async def _next_result(self) -> StreamResult | None:
        async with self._changed:
            while True:
                if (result := self._window.pop()) is not None:
                    self._changed.notify_all()
                    return result
                if self._window.is_done:
                    return None
                now = _now()
                self._window.raise_failure(now)
                if self._connection is None and self._window.should_open(now):
                    self._connection = _Connection(self)
                await self._wait(self._window.seconds_to_event(now))

    async def _next_request(self, connection: _Connection) -> pb.StreamTranslateTextRequest | None:
        async with self._changed:
            while not connection.over:
                now = _now()
                if self._window.nothing_to_send(now):
                    break
                if (request := self._window.take(now)) is not None:
                    return request
                await self._wait(self._window.seconds_to_event(now))
        return None

    async def _wait(self, seconds: float | None) -> None:
        """Waits until something changed, or for the time given."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def _feed(self) -> None:
        error: Exception | None = None
        try:
            async with contextlib.aclosing(_each(self._texts)) as texts:
                while await self._wait_for_room():
                    try:
                        text = await anext(texts)
                    except StopAsyncIteration:
                        break
                    await self._add(text)
        except Exception as input_error:  # noqa: BLE001  whatever it is, it is the consumer's
            error = input_error
        async with self._changed:
            self._window.end_input(error)
            self._changed.notify_all()

    async def _wait_for_room(self) -> bool:
        async with self._changed:
            return await self._changed.wait_for(lambda: self._window.has_room)

    async def _add(self, text: str) -> None:
        async with self._changed:
            self._window.add(text)
            self._changed.notify_all()

    async def _close(self, feeder: asyncio.Task[None]) -> None:
        feeder.cancel()
        await asyncio.wait([feeder])
        if (connection := self._connection) is None:
            return
        if self._window.is_done:
            await asyncio.wait([connection.receiver], timeout=GOODBYE_SECONDS)
        connection.call.cancel()
        connection.receiver.cancel()
        await asyncio.wait([connection.receiver])


async def _each(texts: Iterable[str] | AsyncIterable[str]) -> AsyncGenerator[str, None]:
    if isinstance(texts, AsyncIterable):
        async for text in texts:
            yield text
    else:
        for text in texts:
            yield text


def _now() -> float:
    return asyncio.get_running_loop().time()
