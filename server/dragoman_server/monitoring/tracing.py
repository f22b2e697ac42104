"""Spans in OpenTelemetry, told over OTLP; the one door to it, imported only where it is asked for.

Knows spans, sampling and where they go. Does not know what is measured. A collector that is slow,
down or gone delays nothing: spans wait for it in a bounded number, and are then dropped and
counted.
"""

import random
import threading
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
    format_trace_id,
    set_span_in_context,
)

from dragoman_server.monitoring.trace_context import Attribute, TraceContext

MOST_WAITING = 8192
"""Spans that wait for the collector; one more is dropped."""

CLOSE_SECONDS = 0.5
"""At the end, for what is left to be told."""


class CallSpan:
    """A span that is kept. Times are seconds of time.monotonic."""

    def __init__(self, tracer: Tracer, span: Span, epoch_ns: int) -> None:
        self._tracer = tracer
        self._span = span
        self._epoch_ns = epoch_ns
        """What the clock began at, in nanoseconds since 1970."""

    @property
    def trace_id(self) -> str:
        """Of its trace, in 32 hexadecimal digits."""
        return format_trace_id(self._span.get_span_context().trace_id)

    def child(self, name: str, began_at: float) -> "CallSpan":
        """Begins a span within it."""
        within = set_span_in_context(self._span, Context())
        span = self._tracer.start_span(name, within, start_time=self._at(began_at))
        return CallSpan(self._tracer, span, self._epoch_ns)

    def note(self, event: str, at: float) -> None:
        """Something happened meanwhile."""
        self._span.add_event(event, timestamp=self._at(at))

    def end(self, at: float, attributes: Mapping[str, Attribute], *, is_error: bool) -> None:
        """It is over."""
        self._span.set_attributes(attributes)
        if is_error:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end(self._at(at))

    def _at(self, seconds: float) -> int:
        return self._epoch_ns + int(seconds * 1e9)


class Tracing:
    """Begins the spans of calls, and sends those that ended in a thread of its own.

    Args:
        exporter: Takes them to where they are kept.
        sampling: The part of the calls, 0 to 1, whose spans are kept where their callers say
            nothing; otherwise what the caller does counts.
    """

    def __init__(self, exporter: SpanExporter, sampling: float) -> None:
        self._sampling = sampling
        self._outbox = _Outbox(exporter)
        provider = TracerProvider(
            sampler=ALWAYS_ON,  # `begin` decides, at next to no cost where it says no
            resource=_resource(),
            shutdown_on_exit=False,  # it would wait for a collector that is not there
        )
        provider.add_span_processor(self._outbox)
        self._tracer = provider.get_tracer("dragoman_server", version("dragoman"))

    @property
    def spans_lost(self) -> int:
        """Spans that found no room or were not taken, since the beginning."""
        return self._outbox.spans_lost

    def begin(
        self, service: str, method: str, parent: TraceContext | None, began_at: float
    ) -> CallSpan | None:
        """Begins the span of a call; None where it is not sampled."""
        if not (self._draw() if parent is None else parent.is_sampled):
            return None
        epoch_ns = time.time_ns() - time.monotonic_ns()
        span = self._tracer.start_span(
            f"{service}/{method}",
            _within(parent),
            SpanKind.SERVER,
            {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method},
            start_time=epoch_ns + int(began_at * 1e9),
        )
        return CallSpan(self._tracer, span, epoch_ns) if span.is_recording() else None

    def _draw(self) -> bool:
        """Returns whether a call that begins a trace is sampled."""
        return random.random() < self._sampling  # noqa: S311  nothing secret

    def close(self) -> None:
        """Tells what is left, or gives it up after CLOSE_SECONDS; blocks meanwhile."""
        self._outbox.close()


class _Counted(SpanExporter):
    """An exporter that says how many spans it was given, and how many went nowhere."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.taken = 0
        self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See SpanExporter; one thread at a time calls it."""
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            self.taken += len(spans)
            if result is not SpanExportResult.SUCCESS:
                self.failed += len(spans)
        return result

    def shutdown(self) -> None:
        """See SpanExporter."""
        self._exporter.shutdown()


class _Outbox(BatchSpanProcessor):
    """The spans that have ended and are not told yet, of which there are so many and no more."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._counted = _Counted(exporter)
        super().__init__(self._counted, max_queue_size=MOST_WAITING)
        self._put = 0
        self._dropped = 0

    @property
    def spans_lost(self) -> int:
        """Spans that found no room or were not taken, since the beginning."""
        return self._dropped + self._counted.failed

    def on_end(self, span: ReadableSpan) -> None:
        """Takes a span or drops it; the event loop calls it."""
        if self._put - self._counted.taken >= MOST_WAITING:
            self._dropped += 1
            return
        self._put += 1
        super().on_end(span)

    def close(self) -> None:
        """Tells what is left, or gives it up after CLOSE_SECONDS."""
        telling = threading.Thread(target=self.shutdown, name="last-spans", daemon=True)
        telling.start()
        telling.join(CLOSE_SECONDS)
        if telling.is_alive():
            self._counted.shutdown()  # breaks off what it waits for


def otlp_exporter(endpoint: str) -> SpanExporter:
    """Returns what sends spans by OTLP over gRPC; OTEL_EXPORTER_OTLP_* say how, as ever.

    Args:
        endpoint: http://HOST:PORT, or https for TLS.
    """
    return OTLPSpanExporter(endpoint=endpoint)


def _resource() -> Resource:
    """Returns what all spans say of this server; OTEL_SERVICE_NAME and others go before it."""
    told = Resource.create({"service.version": version("dragoman")})
    if str(told.attributes["service.name"]).startswith("unknown_service"):
        return told.merge(Resource({"service.name": "dragoman"}))
    return told


def _within(parent: TraceContext | None) -> Context:
    if parent is None:
        return Context()
    context = SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if parent.is_sampled else TraceFlags.DEFAULT),
        trace_state=TraceState.from_header([parent.state]) if parent.state else None,
    )
    return set_span_in_context(NonRecordingSpan(context), Context())
