"""The asyncio side of increments.py."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

import grpc

from dragoman.calls import Attempts, is_cancelled
from dragoman.errors import CallCancelledError, DragomanError, UnavailableError
from dragoman.results import Translation
from dragoman.status import error_from_rpc
from dragoman.streaming.async_stream import GOODBYE_SECONDS, ResponseCall
from dragoman.streaming.increments import UNANSWERED, read_increment
from dragoman.target import Target


async def async_increments(
    start: Callable[[float | None], ResponseCall], attempts: Attempts, target: Target
) -> AsyncGenerator[str | Translation, None]:
    """Yields the beginnings of a translation and then all of it; see increments.

    Raises:
        DragomanError: There is no translation.
    """
    while True:
        call = start(attempts.seconds_left(time.monotonic()))
        try:
            async for response in call:
                increment = read_increment(response)
                if isinstance(increment, Translation):
                    attempts.note_answer()
                    yield increment
                    await _let_end(call)
                    return
                yield increment
            error: DragomanError = UnavailableError(UNANSWERED, reason="CONNECTION_BROKEN")
        except grpc.RpcError as rpc_error:
            error = error_from_rpc(rpc_error, target)
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            error = CallCancelledError("the client was closed meanwhile")
        except DragomanError as refusal:
            error = refusal
        finally:
            call.cancel()
        await asyncio.sleep(attempts.delay(error, time.monotonic()))


async def _let_end(call: ResponseCall) -> None:
    """See increments."""
    try:
        async with asyncio.timeout(GOODBYE_SECONDS):
            async for _ in call:
                pass
    except (TimeoutError, grpc.RpcError):
        return
    except asyncio.CancelledError:
        if is_cancelled():
            raise  # else the client was closed
