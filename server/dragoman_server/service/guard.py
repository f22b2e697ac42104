"""Stands around every call of the TranslationService: lets it in, parses it, ends it well.

Turns exceptions into the statuses of status.py's table and counts how each call ended. Does not
know what the calls do.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, NoReturn, TypeAlias, cast

import grpc
from google.protobuf.message import DecodeError, Message
from grpc import aio
from grpc_status import rpc_status

from dragoman.v1.translation_pb2 import DESCRIPTOR
from dragoman.v1.translation_pb2_grpc import (
    TranslationServiceServicer,
    add_TranslationServiceServicer_to_server,
)
from dragoman_server.engine import Deadline
from dragoman_server.errors import InvalidArgumentError
from dragoman_server.service.gate import Gate
from dragoman_server.service.outcomes import Outcomes
from dragoman_server.service.status import retry_pushback

SERVICE_NAME = DESCRIPTOR.services_by_name["TranslationService"].full_name

Context: TypeAlias = aio.ServicerContext[Any, Any]
# An RpcMethodHandler, but grpc's types know only its synchronous form.
AsyncHandler: TypeAlias = Any
Check: TypeAlias = Callable[[Context], None]

PUSHBACK = "grpc-retry-pushback-ms"
"""Tells gRPC at the client when to try again by itself, as its retry policy has it (gRFC A6)."""


class CallGuard:
    """Wraps the handlers of the TranslationService, once, when they are added to a server.

    An interceptor of grpc's would do the same for each call anew. The wrapped handlers are given
    the message's bytes, so that what protobuf cannot parse, such as a string that is not UTF-8, is
    told to the client like any other wrong request.

    Args:
        gate: Lets calls in.
        outcomes: Told how each call ended.
        checks: By the names of unary calls: what may refuse one before its message is read.
    """

    def __init__(self, gate: Gate, outcomes: Outcomes, checks: Mapping[str, Check]) -> None:
        self._gate = gate
        self._outcomes = outcomes
        self._checks = checks

    def add(self, service: TranslationServiceServicer, server: aio.Server) -> None:
        """Adds the service's calls, guarded, to a server."""
        add_TranslationServiceServicer_to_server(service, cast("aio.Server", _Door(self, server)))

    def guarded(self, name: str, handler: AsyncHandler) -> AsyncHandler:
        """Returns the handler to use instead of the service's own."""
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(
                self._stream_stream(handler), None, handler.response_serializer
            )
        # grpc hands a handler of this kind the call before its only message has come.
        return grpc.stream_unary_rpc_method_handler(
            self._unary_unary(handler, self._checks.get(name)), None, handler.response_serializer
        )

    def _unary_unary(
        self, handler: AsyncHandler, check: Check | None
    ) -> Callable[[AsyncIterator[bytes], Context], Awaitable[Message]]:
        async def call(_: AsyncIterator[bytes], context: Context) -> Message:
            deadline = Deadline(context)
            arrived_at = self._outcomes.now()
            try:
                with self._gate.call():
                    if check is not None:
                        check(context)
                    request = _parsed(handler, await context.read())
                    response: Message = await handler.unary_unary(request, context)
            except asyncio.CancelledError:
                self._outcomes.cancelled(expired=deadline.expired())
                raise
            except Exception as error:  # noqa: BLE001  the table of exceptions is status.py's
                await self._abort(context, error)
            self._outcomes.succeeded(arrived_at)
            return response

        return call

    def _stream_stream(
        self, handler: AsyncHandler
    ) -> Callable[[AsyncIterator[bytes], Context], Awaitable[None]]:
        async def call(requests: AsyncIterator[bytes], context: Context) -> None:
            # Written here and not yielded to grpc, which would leave the handler's generator to
            # the garbage collector when the call is cancelled.
            try:
                with self._gate.call():
                    parsed = _parsed_each(handler, requests)
                    async with aclosing(handler.stream_stream(parsed, context)) as responses:
                        async for response in responses:
                            await context.write(response)
            except Exception as error:  # noqa: BLE001  the table of exceptions is status.py's
                await self._abort(context, error)

        return call

    async def _abort(self, context: Context, error: Exception) -> NoReturn:
        status = rpc_status.to_status(self._outcomes.failed(error))
        trailers = status.trailing_metadata
        if pushback := retry_pushback(error):
            trailers = (*trailers, (PUSHBACK, pushback))
        await context.abort(status.code, status.details, trailers)


class _Door:
    """What the generated code takes for a server: hands it the guarded handlers."""

    def __init__(self, guard: CallGuard, server: aio.Server) -> None:
        self._guard = guard
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Iterable[object]) -> None:
        """The same handlers come by name."""

    def add_registered_method_handlers(
        self, service_name: str, handlers: Mapping[str, AsyncHandler]
    ) -> None:
        """Guards each of them."""
        guarded = {name: self._guard.guarded(name, handler) for name, handler in handlers.items()}
        generic = grpc.method_handlers_generic_handler(service_name, guarded)
        self._server.add_generic_rpc_handlers((generic,))
        self._server.add_registered_method_handlers(service_name, guarded)


def _parsed(handler: AsyncHandler, message: object) -> Message:
    try:
        request: Message = handler.request_deserializer(b"" if message is aio.EOF else message)
    except DecodeError:
        raise InvalidArgumentError(
            "the request is not a message of this call; strings must be UTF-8",
            field="",
            reason="MALFORMED_MESSAGE",
            allowed="a protobuf message with UTF-8 strings",
        ) from None
    return request


async def _parsed_each(
    handler: AsyncHandler, messages: AsyncIterator[bytes]
) -> AsyncGenerator[Message, None]:
    async for message in messages:
        yield _parsed(handler, message)
