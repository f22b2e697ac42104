"""A call of the sync client. Knows gRPC's futures; when to try again is retry.py's to say."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

import grpc

from dragoman.calls.retry import Attempts
from dragoman.errors import CallCancelledError, DragomanError
from dragoman.spans import NO_SPAN, CallSpan
from dragoman.status import error_from_rpc
from dragoman.target import Target

Response = TypeVar("Response")


class Call(Generic[Response]):
    """A request that is on its way, and is sent again where that may help."""

    def __init__(
        self,
        start: "Callable[[float | None], grpc.Future[Response]]",
        attempts: Attempts,
        target: Target,
        span: CallSpan = NO_SPAN,
    ) -> None:
        """Sends it.

        Args:
            start: Sends it, given the seconds in which it must be answered.
            attempts: How long and how often.
            target: Where it goes.
            span: Tells of it, all attempts together.
        """
        self._start = start
        self._attempts = attempts
        self._target = target
        self._span = span
        self._future = start(attempts.seconds_left(time.monotonic()))

    def result(self) -> Response:
        """Waits for the answer.

        Raises:
            DragomanError: There is none.
        """
        try:
            response = self._answer()
        except DragomanError as error:
            self._span.end(error)
            raise
        self._span.end()
        return response

    def _answer(self) -> Response:
        while True:
            try:
                response = self._future.result()
            except grpc.RpcError as rpc_error:
                error: DragomanError = error_from_rpc(rpc_error, self._target)
            except grpc.FutureCancelledError:
                error = CallCancelledError("the client was closed meanwhile")
            else:
                self._attempts.note_answer()
                return response
            time.sleep(self._attempts.delay(error, time.monotonic()))
            self._future = self._start(self._attempts.seconds_left(time.monotonic()))

    def cancel(self) -> None:
        """Gives it up."""
        self._future.cancel()
        self._span.end()
