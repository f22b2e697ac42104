"""Spans of calls in a program's own traces, and nothing where it has none."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags

from dragoman import AsyncClient, Client
from dragoman.errors import DragomanError
from tests.clients.fake_server import FakeServer, queue_full

SERVICE = "dragoman.v1.TranslationService"


class Traces:
    """What a program told."""

    def __init__(self, provider: TracerProvider) -> None:
        self._exporter = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def only(self) -> ReadableSpan:
        (span,) = self.spans
        return span


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Traces:
    """A program that traces."""
    provider = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return Traces(provider)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as fake:
        yield fake


def parent_of(span: ReadableSpan) -> str:
    """What a call carries that belongs to a span."""
    assert span.context is not None
    context = span.context
    assert context.trace_flags.sampled
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def test_a_call_has_a_span_within_the_programs_own(server: FakeServer, traces: Traces) -> None:
    tracer = trace.get_tracer("program")
    with Client(server.target) as client, tracer.start_as_current_span("work"):
        client.translate("hello")
    call, work = traces.spans
    assert (call.name, call.kind) == (f"{SERVICE}/TranslateText", SpanKind.CLIENT)
    assert call.parent == work.context
    assert call.attributes == {
        "rpc.system": "grpc",
        "rpc.service": SERVICE,
        "rpc.method": "TranslateText",
        "dragoman.texts": 1,
    }
    assert server.metadata[0]["traceparent"] == parent_of(call)


def test_attempts_are_one_span(server: FakeServer, traces: Traces) -> None:
    server.failures.append(queue_full())
    with Client(server.target) as client:
        client.translate("hello")
    assert len(server.metadata) == 2
    assert {each["traceparent"] for each in server.metadata} == {parent_of(traces.only())}
    assert traces.only().status.status_code is StatusCode.UNSET


def test_an_error_is_told_by_its_reason_and_not_its_message(
    server: FakeServer, traces: Traces
) -> None:
    server.failures.append(queue_full())
    with Client(server.target, retry_seconds=0) as client, pytest.raises(DragomanError):
        client.translate("hello")
    span = traces.only()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert (span.attributes or {})["error.type"] == "QUEUE_FULL"
    assert not span.events


def test_a_stream_has_a_span_for_each_call(server: FakeServer, traces: Traces) -> None:
    with Client(server.target) as client:
        assert len(list(client.translate_stream(["a", "b"]))) == 2
    assert traces.only().name == f"{SERVICE}/StreamTranslateText"
    assert server.metadata[0]["traceparent"] == parent_of(traces.only())


async def test_a_text_that_grows_has_a_span_that_ends(server: FakeServer, traces: Traces) -> None:
    with Client(server.target) as client:
        assert len(list(client.translate_incrementally("a"))) == 1
    async with AsyncClient(server.target) as async_client:
        assert len([each async for each in async_client.translate_incrementally("a")]) == 1
    assert [span.end_time is not None for span in traces.spans] == [True, True]
    assert {span.status.status_code for span in traces.spans} == {StatusCode.UNSET}


def test_a_stream_that_is_left_ends_its_span(server: FakeServer, traces: Traces) -> None:
    with Client(server.target) as client:
        results = client.translate_stream(["a", "b"])
        next(results)
        results.close()
    assert traces.only().end_time is not None


async def test_asyncs_calls_and_streams_have_spans_too(server: FakeServer, traces: Traces) -> None:
    async with AsyncClient(server.target) as client:
        await client.translate(["a", "b"])
        assert len([each async for each in client.translate_stream(["a"])]) == 1
    names = [span.name.rpartition("/")[-1] for span in traces.spans]
    assert names == ["ListModels", "TranslateText", "StreamTranslateText"]
    expected = [parent_of(span) for span in traces.spans]
    assert [each["traceparent"] for each in server.metadata] == expected


def test_a_trace_that_is_not_kept_says_so_to_the_server(server: FakeServer) -> None:
    context = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(0))
    within = trace.set_span_in_context(NonRecordingSpan(context))
    token = attach(within)
    with Client(server.target) as client:
        client.translate("hello")
    detach(token)
    assert server.metadata[0]["traceparent"] == f"00-{1:032x}-{2:016x}-00"


def test_a_program_that_does_not_trace_sends_nothing(server: FakeServer) -> None:
    with Client(server.target) as client:
        client.translate("hello")
    assert "traceparent" not in server.metadata[0]


def test_the_client_imports_nothing_of_it(server: FakeServer) -> None:
    program = (
        "import sys, dragoman\n"
        f"with dragoman.Client({server.target!r}) as client: client.translate('hello')\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
