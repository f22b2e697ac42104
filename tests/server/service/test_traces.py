"""Spans of calls, as a collector gets them."""

import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import grpc
import pytest

from dragoman.v1.translation_pb2 import (
    SEGMENTATION_NONE,
    DecodingOptions,
    ListModelsRequest,
    StreamTranslateTextRequest,
    TranslateTextRequest,
)
from dragoman_server.service import observer
from tests.server.collector import Collector, attributes, milliseconds
from tests.server.service.harness import OPENMETRICS, SERVICE, Running, failure_of, running

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = (("traceparent", f"00-{TRACE}-{PARENT}-01"), ("tracestate", "vendor=x"))
NOT_SAMPLED = (("traceparent", f"00-{TRACE}-{PARENT}-00"),)
UNARY, STREAM = f"{SERVICE}/TranslateText", f"{SERVICE}/StreamTranslateText"
ERROR = 2


def traced(collector: Collector, sampling: float = 1.0) -> AbstractAsyncContextManager[Running]:
    """A server that tells the collector of every call, when it is closed at the latest."""
    return running(otlp_endpoint=collector.endpoint, trace_sampling=sampling)


async def test_a_call_is_a_span_with_queue_encode_and_decode_in_it(collector: Collector) -> None:
    before = time.time_ns()
    async with traced(collector) as server:
        server.engine.echo = True
        options = DecodingOptions(beam_size=2)
        request = TranslateTextRequest(contents=["a b", "", "c"], options=options)
        await server.stub.TranslateText(request)
    (call,) = collector.named(UNARY)
    assert call.parent_span_id == b""
    assert call.kind == call.SPAN_KIND_SERVER
    assert before <= call.start_time_unix_nano <= call.end_time_unix_nano <= time.time_ns()
    said = attributes(call)
    assert said.pop("dragoman.caller")
    assert said == {
        "rpc.system": "grpc",
        "rpc.service": SERVICE,
        "rpc.method": "TranslateText",
        "rpc.grpc.status_code": 0,
        "dragoman.model": "tiny",
        "dragoman.model_version": "1",
        "dragoman.texts": 3,
        "dragoman.texts_failed": 0,
        "dragoman.code_points": 4,
        "dragoman.source_tokens": 5,
        "dragoman.target_tokens": 3,
        "dragoman.rows": 4,
        "dragoman.interface": "dragoman",
    }
    queue, encode, decode = (collector.named(name)[0] for name in ("queue", "encode", "decode"))
    for phase in (queue, encode, decode):
        assert (phase.trace_id, phase.parent_span_id) == (call.trace_id, call.span_id)
    assert milliseconds(queue) == pytest.approx(1, abs=0.01)
    assert milliseconds(encode) == pytest.approx(2, abs=0.01)
    assert milliseconds(decode) == pytest.approx(7, abs=0.01)
    assert attributes(encode) == {"dragoman.texts": 3, "dragoman.source_tokens": 5}
    assert attributes(decode)["dragoman.rows"] == 4
    (first_token,) = decode.events
    assert first_token.name == "first_token"
    assert len(collector.spans) == 4  # however many texts


async def test_a_sampled_callers_trace_goes_on(collector: Collector) -> None:
    async with traced(collector, sampling=0) as server:
        server.engine.echo = True
        request = TranslateTextRequest(contents=["a"])
        await server.stub.TranslateText(request, metadata=SAMPLED)
        await server.stub.TranslateText(request)  # begins no trace: none is wanted
    (call,) = collector.named(UNARY)
    assert (call.trace_id.hex(), call.parent_span_id.hex()) == (TRACE, PARENT)
    assert call.trace_state == "vendor=x"


async def test_a_caller_that_keeps_no_trace_gets_none(collector: Collector) -> None:
    async with traced(collector, sampling=1) as server:
        server.engine.echo = True
        await server.stub.TranslateText(TranslateTextRequest(contents=["a"]), metadata=NOT_SAMPLED)
    assert not collector.spans


async def test_the_texts_of_a_stream_have_spans_up_to_a_number(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "MOST_TEXT_SPANS", 2)
    async with traced(collector) as server:
        server.engine.echo = True
        call = server.stub.StreamTranslateText()
        for number in range(5):
            await call.write(StreamTranslateTextRequest(id=str(number), content="a b"))
        await call.done_writing()
        assert len([answer async for answer in call]) == 5
    (stream,) = collector.named(STREAM)
    texts = collector.named("text")
    assert [text.parent_span_id for text in texts] == [stream.span_id] * 2
    decodes = collector.named("decode")
    assert {each.parent_span_id for each in decodes} == {text.span_id for text in texts}
    said = attributes(stream)
    assert (said["dragoman.texts"], said["dragoman.source_tokens"]) == (5, 15)
    assert (said["dragoman.model"], said["rpc.grpc.status_code"]) == ("tiny", 0)


async def test_a_stream_that_is_cancelled_ends_its_span_and_its_texts(collector: Collector) -> None:
    async with traced(collector) as server:
        call = server.stub.StreamTranslateText()
        await call.write(StreamTranslateTextRequest(id="1", content="a"))
        await server.engine.has_texts(1)
        call.cancel()
        await server.engine.all_cancelled()
        assert await server.application.drain()
    (stream,), (text,) = collector.named(STREAM), collector.named("text")
    assert attributes(stream)["rpc.grpc.status_code"] == grpc.StatusCode.CANCELLED.value[0]
    assert attributes(stream)["dragoman.texts_failed"] == 1
    assert text.status.code != ERROR  # nobody's fault


async def test_a_failure_of_ours_is_an_error_and_names_its_trace_in_the_log(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    async with traced(collector) as server:
        call = server.stub.TranslateText(TranslateTextRequest(contents=["a"]), metadata=SAMPLED)
        (text,) = await server.engine.has_texts(1)
        text.fail(ValueError("secret"))
        failure = await failure_of(call)
    (span,) = collector.named(UNARY)
    assert (span.status.code, span.status.message) == (ERROR, "")
    assert not span.events  # an exception's would quote it
    (line,) = [each for each in caplog.records if each.message == "request_failed"]
    assert vars(line)["trace_id"] == TRACE
    assert vars(line)["error_id"] == failure.metadata["error_id"]


async def test_a_callers_mistake_is_no_error_of_the_server(collector: Collector) -> None:
    async with traced(collector) as server:
        await failure_of(
            server.stub.TranslateText(
                TranslateTextRequest(contents=["a " * 50], segmentation=SEGMENTATION_NONE)
            )
        )
        await server.stub.ListModels(ListModelsRequest())
    (span,) = collector.named(UNARY)
    assert span.status.code != ERROR
    assert attributes(span)["rpc.grpc.status_code"] == 3
    assert collector.named(f"{SERVICE}/ListModels")


async def test_latency_has_the_trace_as_its_exemplar(collector: Collector) -> None:
    async with traced(collector, sampling=0) as server:
        server.engine.echo = True
        request = TranslateTextRequest(contents=["a"])
        await server.stub.TranslateText(request, metadata=SAMPLED)
        await server.stub.TranslateText(request)
        page, plain = server.scrape(OPENMETRICS), server.scrape()
    marked = [line for line in page.splitlines() if TRACE in line]
    assert len(marked) == 1
    assert marked[0].startswith("dragoman_request_latency_seconds_bucket{")
    assert f'# {{trace_id="{TRACE}"}} ' in marked[0]
    assert page.endswith("# EOF\n")
    assert TRACE not in plain


async def test_a_collector_that_is_down_delays_neither_calls_nor_the_end() -> None:
    with Collector() as gone:
        endpoint = gone.endpoint
    async with running(otlp_endpoint=endpoint, trace_sampling=1.0) as server:
        server.engine.echo = True
        for _ in range(20):
            await server.stub.TranslateText(TranslateTextRequest(contents=["a"]), timeout=60)
        began = time.monotonic()
    assert time.monotonic() - began < 9  # what sends spans would try for 10 s


@pytest.fixture
async def unobserved() -> AsyncIterator[Running]:
    async with running() as server:
        server.engine.echo = True
        yield server


async def test_where_nobody_asks_nothing_is_timed_or_read(unobserved: Running) -> None:
    await unobserved.stub.TranslateText(TranslateTextRequest(contents=["a"]), metadata=SAMPLED)
    (text,) = unobserved.engine.texts
    assert text.timing is None
