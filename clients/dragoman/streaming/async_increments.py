"""The asyncio side of increments.py."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

import grpc

from dragoman.calls import Attempts, is_cancelled
from dragoman.channel import SERVICE
from dragoman.errors import CallCancelledError, DragomanError, UnavailableError
from dragoman.results import Translation
from dragoman.spans import Metadata
from dragoman.status import error_from_rpc
from dragoman.streaming.async_stream import GOODBYE_SECONDS, ResponseCall
from dragoman.streaming.increments import UNANSWERED, read_increment
from dragoman.target import Target
from dragoman.v1 import translation_pb2 as pb


def open_call_of_one(
    channel: grpc.aio.Channel,
    request: pb.StreamTranslateTextRequest,
    timeout: float | None,
    metadata: Metadata,
) -> ResponseCall:
    """Opens StreamTranslateText with its only request.

    On the wire it is what the stub's call is. But here the request goes with the call's opening and
    cannot come after its refusal, of which grpc.aio loses the status then (see status.py).

    Args:
        channel: To the server.
        request: The text.
        timeout: Seconds until gRPC gives up; None for never.
        metadata: Of the call.
    """
    of_one = channel.unary_stream(
        f"/{SERVICE}/StreamTranslateText",
        request_serializer=pb.StreamTranslateTextRequest.SerializeToString,
        response_deserializer=pb.StreamTranslateTextResponse.FromString,
    )
    return of_one(request, timeout=timeout, metadata=metadata)


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
