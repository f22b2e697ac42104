"""Spans that wait for a collector: so many and no more, and for no longer than is good."""

import threading
import time
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dragoman_server.monitoring import tracing
from dragoman_server.monitoring.trace_context import TraceContext
from dragoman_server.monitoring.tracing import CallSpan, Tracing

REMOTE = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", is_sampled=True)


class Stuck(SpanExporter):
    """Takes no span until it is let go, or shut down."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        del spans
        self.go.wait()
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.go.set()


def begun(traces: Tracing, parent: TraceContext | None = REMOTE) -> CallSpan:
    span = traces.begin("service", "Method", parent, time.monotonic())
    assert span is not None
    return span


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine tells all that is left, too."""
    monkeypatch.setattr(tracing, "CLOSE_SECONDS", 60.0)


@pytest.mark.usefixtures("patient")
def test_what_ended_is_told_at_the_end_at_the_latest() -> None:
    exporter = InMemorySpanExporter()
    traces = Tracing(exporter, 1.0)
    span = begun(traces)
    span.child("queue", 1.0).end(1.5, {"dragoman.texts": 2}, is_error=False)
    span.end(time.monotonic(), {}, is_error=True)
    traces.close()
    queue, call = exporter.get_finished_spans()
    assert call.name == "service/Method"
    assert queue.parent == call.context
    assert queue.start_time is not None
    assert queue.end_time is not None
    assert queue.end_time - queue.start_time == 500_000_000
    assert traces.spans_lost == 0


def test_a_part_of_the_calls_is_sampled() -> None:
    traces = Tracing(InMemorySpanExporter(), 0.25)
    kept = sum(traces.begin("s", "M", None, 0.0) is not None for _ in range(2000))
    traces.close()
    assert 400 <= kept <= 600


@pytest.mark.usefixtures("patient")
def test_the_server_is_called_dragoman_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def service() -> object:
        exporter = InMemorySpanExporter()
        traces = Tracing(exporter, 1.0)
        begun(traces).end(time.monotonic(), {}, is_error=False)
        traces.close()
        return exporter.get_finished_spans()[0].resource.attributes["service.name"]

    assert service() == "dragoman"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    assert service() == "mine"


@pytest.mark.usefixtures("patient")
def test_spans_that_find_no_room_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "MOST_WAITING", 600)
    stuck = Stuck()
    traces = Tracing(stuck, 1.0)
    for _ in range(1000):
        begun(traces).end(time.monotonic(), {}, is_error=False)
    assert traces.spans_lost == 400
    stuck.go.set()
    traces.close()
    assert traces.spans_lost == 1000  # what was taken failed


def test_a_collector_that_hangs_does_not_hold_up_the_end() -> None:
    traces = Tracing(Stuck(), 1.0)
    begun(traces).end(time.monotonic(), {}, is_error=False)
    began = time.monotonic()
    traces.close()
    assert time.monotonic() - began < 30  # OpenTelemetry itself would wait so long, or for ever
