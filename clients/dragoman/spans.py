"""Spans of calls in the traces of the program that makes them, where it has any.

A program that traces has imported OpenTelemetry and told it where spans go; nothing is imported
here, and where there is none a span is nothing and costs next to nothing. Knows OpenTelemetry's
interface for programs, and W3C's headers. Does not know what the calls are for, nor their texts.
"""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

import grpc

from dragoman.channel import SERVICE
from dragoman.errors import DragomanError

Message_co = TypeVar("Message_co", covariant=True)

Metadata = tuple[tuple[str, str], ...]


class CallSpan:
    """Of one request, all its attempts counted, or of one call of a stream; or of nothing."""

    def __init__(self, span: Any | None = None) -> None:  # noqa: ANN401  OpenTelemetry's
        self._span = span
        self.metadata: Metadata = () if span is None else _headers(span.get_span_context())
        """What the call carries, so that the server's spans belong to it."""

    @property
    def is_kept(self) -> bool:
        """Whether there is anybody to tell."""
        return self._span is not None

    def end(self, error: DragomanError | grpc.RpcError | None = None) -> None:
        """It is over; later ends are ignored."""
        if self._span is None:
            return
        span, self._span = self._span, None
        if error is not None:
            trace = sys.modules["opentelemetry.trace"]
            span.set_attribute("error.type", _kind(error))
            span.set_status(trace.StatusCode.ERROR)
        span.end()


NO_SPAN = CallSpan()


def start_span(method: str, texts: int | None = None) -> CallSpan:
    """Begins the span of a call, within the program's own.

    Args:
        method: Of the service.
        texts: That it takes; None where that is not known.
    """
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return NO_SPAN
    attributes: dict[str, str | int] = {
        "rpc.system": "grpc",
        "rpc.service": SERVICE,
        "rpc.method": method,
    }
    if texts is not None:
        attributes["dragoman.texts"] = texts
    span = trace.get_tracer("dragoman").start_span(
        f"{SERVICE}/{method}", kind=trace.SpanKind.CLIENT, attributes=attributes
    )
    return CallSpan(span) if span.get_span_context().is_valid else NO_SPAN


class Answers(Protocol[Message_co]):
    """What is needed of a stream's call."""

    def __iter__(self) -> Iterator[Message_co]: ...
    def cancel(self) -> bool:  # noqa: D102
        ...
    def add_callback(self, callback: Callable[[], None]) -> bool:  # noqa: D102
        ...


class AsyncAnswers(Protocol[Message_co]):
    """Likewise, on asyncio."""

    def __aiter__(self) -> AsyncIterator[Message_co]: ...
    def cancel(self) -> bool:  # noqa: D102
        ...


class WatchedCall(Generic[Message_co]):
    """A stream's call whose span ends with it."""

    def __init__(self, call: Answers[Message_co], span: CallSpan) -> None:
        self._call = call
        self._span = span

    def __iter__(self) -> Iterator[Message_co]:
        try:
            yield from self._call
        except grpc.RpcError as error:
            self._span.end(error)
            raise
        finally:
            self._span.end()

    def cancel(self) -> bool:
        """Gives it up."""
        self._span.end()
        return self._call.cancel()

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Has it called when the call has ended; False where it has already."""
        return self._call.add_callback(callback)


class AsyncWatchedCall(Generic[Message_co]):
    """Likewise, on asyncio."""

    def __init__(self, call: AsyncAnswers[Message_co], span: CallSpan) -> None:
        self._call = call
        self._span = span

    async def __aiter__(self) -> AsyncIterator[Message_co]:
        try:
            async for message in self._call:
                yield message
        except grpc.RpcError as error:
            self._span.end(error)
            raise
        finally:
            self._span.end()

    def cancel(self) -> bool:
        """Gives it up."""
        self._span.end()
        return self._call.cancel()


def _headers(context: Any) -> Metadata:  # noqa: ANN401  OpenTelemetry's
    parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    state = context.trace_state.to_header() if context.trace_state else ""
    return (("traceparent", parent), *((("tracestate", state),) if state else ()))


def _kind(error: DragomanError | grpc.RpcError) -> str:
    """Returns what kind of error it is; its message may have what a server said."""
    if isinstance(error, DragomanError):
        return error.reason or type(error).__name__
    code = getattr(error, "code", None)
    return str(code().name) if callable(code) else type(error).__name__
