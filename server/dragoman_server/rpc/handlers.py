"""Makes methods of functions from protobuf messages to protobuf messages.

Knows how requests are parsed and answers written. Does not know what they say.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar, cast

import grpc
from google.protobuf.message import DecodeError, Message

from dragoman_server.rpc.call import Call, Caller
from dragoman_server.rpc.method import Method
from dragoman_server.rpc.status import OK, RpcError, Status, Trailers

Request = TypeVar("Request", bound=Message)

MALFORMED = "the request is not a message of this call; strings must be UTF-8"

_MALFORMED = Status(grpc.StatusCode.INVALID_ARGUMENT, MALFORMED)


def unary(
    request_type: type[Request],
    answer: Callable[[Request, Call], Awaitable[Message]],
    trailers: Callable[[Request, Call], Trailers] | None = None,
) -> Method:
    """Returns a method that answers a request.

    Args:
        request_type: What it is asked with.
        answer: Returns the answer.
        trailers: Returns what goes with it; None where nothing does.
    """

    async def handle(call: Call) -> None:
        request = cast("Request", call.request)
        response = await answer(request, call)
        status = OK if trailers is None else OK._replace(trailers=trailers(request, call))
        call.finish(status, response.SerializeToString())

    return Method(handle, _reader(request_type))


def server_stream(
    request_type: type[Request], answers: Callable[[Request, Call], AsyncIterator[Message]]
) -> Method:
    """Returns a method that answers a request with a stream."""

    async def handle(call: Call) -> None:
        await _write_all(answers(cast("Request", call.request), call), call)

    return Method(handle, _reader(request_type))


def stream(
    request_type: type[Request],
    answers: Callable[[AsyncIterator[Request], Call], AsyncIterator[Message]],
) -> Method:
    """Returns a method that answers a stream with a stream."""

    async def requests(call: Call) -> AsyncIterator[Request]:
        while (message := await call.read()) is not None:
            try:
                yield request_type.FromString(message)
            except DecodeError:
                raise RpcError(_MALFORMED) from None

    async def handle(call: Call) -> None:
        await _write_all(answers(requests(call), call), call)

    return Method(handle, None)


async def _write_all(answers: AsyncIterator[Message], call: Call) -> None:
    async for response in answers:
        await call.write(response.SerializeToString())
    call.finish()


def _reader(request_type: type[Message]) -> Callable[[Caller, bytes], object]:
    def read(caller: Caller, message: bytes) -> object:  # noqa: ARG001
        try:
            return request_type.FromString(message)
        except DecodeError:
            return _MALFORMED

    return read
