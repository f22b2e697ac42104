"""A call of the asyncio client. Knows gRPC's calls; when to try again is retry.py's to say."""

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import grpc

from dragoman.calls.retry import Attempts
from dragoman.errors import CallCancelledError, DragomanError
from dragoman.spans import NO_SPAN, CallSpan
from dragoman.status import error_from_rpc
from dragoman.target import Target

Request = TypeVar("Request")
Response = TypeVar("Response")


class AsyncCall(Generic[Request, Response]):
    """A request that is on its way, and is sent again where that may help."""

    def __init__(
        self,
        start: "Callable[[float | None], grpc.aio.UnaryUnaryCall[Request, Response]]",
        attempts: Attempts,
        target: Target,
        span: CallSpan = NO_SPAN,
    ) -> None:
        """Sends it; the arguments are those of Call."""
        self._start = start
        self._attempts = attempts
        self._target = target
        self._span = span
        self._call = start(attempts.seconds_left(time.monotonic()))

    async def result(self) -> Response:
        """Waits for the answer.

        Raises:
            DragomanError: There is none.
        """
        try:
            response = await self._answer()
        except DragomanError as error:
            self._span.end(error)
            raise
        self._span.end()
        return response

    async def _answer(self) -> Response:
        while True:
            try:
                response: Response = await self._call
            except grpc.RpcError as rpc_error:
                error: DragomanError = error_from_rpc(rpc_error, self._target)
            except asyncio.CancelledError:
                if is_cancelled():
                    raise
                error = CallCancelledError("the client was closed meanwhile")
            else:
                self._attempts.note_answer()
                return response
            await asyncio.sleep(self._attempts.delay(error, time.monotonic()))
            self._call = self._start(self._attempts.seconds_left(time.monotonic()))

    def cancel(self) -> None:
        """Gives it up."""
        self._call.cancel()
        self._span.end()


def is_cancelled() -> bool:
    """Whether this task is, and not the call that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
