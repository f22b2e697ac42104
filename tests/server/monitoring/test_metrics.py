"""What is counted after each outcome, and what a scrape shows."""

import asyncio
from itertools import pairwise

import grpc
import pytest
from grpc import aio

from dragoman.v1.translation_pb2 import (
    PRIORITY_BULK,
    StreamTranslateTextRequest,
    TranslateTextRequest,
)
from dragoman_server.errors import BackendError, DeadlineError, WouldExpireError
from dragoman_server.monitoring.metrics import LATENCY_BUCKETS, REFUSAL_CAUSES, Metrics
from tests.server.service.harness import Running, failure_of, overdue, running


def _requests(server: Running, code: str) -> float:
    return server.sample("dragoman_requests_total", code=code)


def _failures(server: Running) -> dict[str, float]:
    reasons = ("REJECTED", "CANCELLED", "DEADLINE", "BACKEND", "OTHER")
    counts = {r: server.sample("dragoman_request_failures_total", reason=r) for r in reasons}
    return {reason: count for reason, count in counts.items() if count}


async def test_an_answered_call_counts_with_its_latency(server: Running) -> None:
    server.engine.echo = True
    await server.stub.TranslateText(TranslateTextRequest(contents=["a", "b"]))
    assert _requests(server, "OK") == 1
    assert server.sample("dragoman_request_latency_seconds_count") == 1
    assert _failures(server) == {}


async def test_refused_calls_count_as_rejected(server: Running) -> None:
    await failure_of(server.stub.TranslateText(TranslateTextRequest()))
    await failure_of(server.stub.TranslateText(TranslateTextRequest(contents=["a"], model="b")))
    server.engine.room = 0
    await failure_of(server.stub.TranslateText(TranslateTextRequest(contents=["a"])))
    await server.application.drain()
    await failure_of(server.stub.TranslateText(TranslateTextRequest(contents=["a"])))
    codes = ("INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED", "UNAVAILABLE")
    assert [_requests(server, code) for code in codes] == [1, 1, 1, 1]
    assert _failures(server) == {"REJECTED": 4}
    assert server.sample("dragoman_request_latency_seconds_count") == 0


@pytest.mark.parametrize(
    ("error", "reason"), [(BackendError("broken"), "BACKEND"), (KeyError("bug"), "OTHER")]
)
async def test_failed_calls_count_by_whose_fault_it_is(
    server: Running, error: Exception, reason: str
) -> None:
    call = server.stub.TranslateText(TranslateTextRequest(contents=["a"]))
    (text,) = await server.engine.has_texts(1)
    text.fail(error)
    assert (await failure_of(call)).code == grpc.StatusCode.INTERNAL
    assert _requests(server, "INTERNAL") == 1
    assert _failures(server) == {reason: 1}


async def test_refusals_for_overload_count_by_their_cause() -> None:
    async with running(max_concurrent_requests=1) as server:
        assert _refusals(server) == dict.fromkeys(REFUSAL_CAUSES, 0)
        request = TranslateTextRequest(contents=["a"])
        await failure_of(server.stub.TranslateText(TranslateTextRequest()))
        accepted = server.stub.TranslateText(request)
        (text,) = await server.engine.has_texts(1)
        await failure_of(server.stub.TranslateText(request))
        text.finish()
        await accepted
        server.engine.room = 0
        await failure_of(server.stub.TranslateText(request))
        server.engine.refusal = WouldExpireError(
            "late", retry_after_seconds=1.0, remaining_seconds=0.5
        )
        await failure_of(server.stub.TranslateText(request))
        await failure_of(server.stub.TranslateText(request))
        expected = {
            "QUEUE_FULL": 1,
            "WOULD_EXPIRE": 2,
            "TOO_MANY_CALLS": 1,
            "OUT_OF_MEMORY": 0,
            "RATE_LIMITED": 0,
        }
        assert _refusals(server) == expected
        assert _failures(server) == {"REJECTED": 5}
        assert _requests(server, "RESOURCE_EXHAUSTED") == 4


def _refusals(server: Running) -> dict[str, float]:
    return {
        cause: server.sample("dragoman_refusals_total", cause=cause) for cause in REFUSAL_CAUSES
    }


async def test_a_text_that_never_began_counts_as_deadline(server: Running) -> None:
    call = server.stub.TranslateText(TranslateTextRequest(contents=["a"]))
    (text,) = await server.engine.has_texts(1)
    text.fail(DeadlineError("the deadline passed before the translation began"))
    failure = await failure_of(call)
    assert failure.code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert failure.reason == "DEADLINE_EXCEEDED"
    assert _requests(server, "DEADLINE_EXCEEDED") == 1
    assert _failures(server) == {"DEADLINE": 1}


async def test_a_cancelled_call_counts_as_cancelled(server: Running) -> None:
    call = server.stub.TranslateText(TranslateTextRequest(contents=["a"]), timeout=60)
    await server.engine.has_texts(1)
    call.cancel()
    await server.engine.all_cancelled()
    await server.application.drain()
    assert _requests(server, "CANCELLED") == 1
    assert _failures(server) == {"CANCELLED": 1}


async def test_an_expired_call_counts_as_deadline(server: Running) -> None:
    request = TranslateTextRequest(contents=["a"])
    error = await overdue(
        server.engine, lambda seconds: server.stub.TranslateText(request, timeout=seconds)
    )
    assert isinstance(error, aio.AioRpcError)
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    await server.engine.all_cancelled()
    await server.application.drain()
    expired = _requests(server, "DEADLINE_EXCEEDED")
    assert expired >= 1
    assert _failures(server) == {"DEADLINE": expired}
    assert _failures(server) == {"DEADLINE": 1}


async def test_a_stream_counts_its_texts(server: Running) -> None:
    server.engine.echo = True
    call = server.stub.StreamTranslateText()
    await call.write(StreamTranslateTextRequest(id="1", content="a"))
    await call.write(StreamTranslateTextRequest(id="2", content="a\0"))
    await call.read()
    await call.read()
    server.engine.echo = False
    await call.write(StreamTranslateTextRequest(id="3", content="a"))
    await server.engine.has_texts(2)
    call.cancel()
    await server.engine.until(server.engine.texts[1].future.cancelled)
    await server.application.drain()
    codes = ("OK", "INVALID_ARGUMENT", "CANCELLED")
    assert [_requests(server, code) for code in codes] == [1, 1, 1]
    assert server.sample("dragoman_request_latency_seconds_count") == 1


async def test_a_scrape_reads_the_engine_at_that_moment(server: Running) -> None:
    bulk = server.stub.TranslateText(TranslateTextRequest(contents=["c"], priority=PRIORITY_BULK))
    call = server.stub.TranslateText(TranslateTextRequest(contents=["a", "b"]))
    await server.engine.has_texts(3)
    page = await asyncio.to_thread(server.scrape)
    assert 'dragoman_requests_waiting{model="tiny"} 3.0' in page
    assert 'dragoman_requests_running{model="tiny"} 3.0' in page
    assert 'dragoman_bulk_requests_waiting{model="tiny"} 1.0' in page
    assert 'dragoman_bulk_requests_running{model="tiny"} 2.0' in page
    assert 'dragoman_kv_cache_usage_ratio{model="tiny"} 0.25' in page
    assert 'dragoman_predicted_seconds{model="tiny"} 0.5' in page
    labels = (
        'architecture="marian",model="tiny",precision="float32",provider="cpu",'
        'runtime="onnxruntime",version="1"'
    )
    assert f"dragoman_model_info{{{labels}}} 1.0" in page
    assert "process_resident_memory_bytes" in page
    assert "python_gc_objects_collected_total" in page
    call.cancel()
    bulk.cancel()


def test_every_metric_has_the_prefix_and_a_help_text() -> None:
    for family in Metrics().registry.collect():
        assert family.name.startswith(("dragoman_", "process_", "python_"))
        if family.name.startswith("dragoman_"):
            assert family.documentation.endswith(".")


def test_the_conventions_metrics_are_all_there() -> None:
    names = {family.name for family in Metrics().registry.collect()}
    assert names >= {
        f"dragoman_{name}"
        for name in (
            *("requests", "request_failures", "request_latency_seconds", "requests_running"),
            *("requests_waiting", "request_queue_seconds", "request_encode_seconds"),
            *("request_decode_seconds", "time_to_first_token_seconds", "batch_rows", "steps"),
            *("time_per_output_token_seconds", "kv_cache_usage_ratio", "kv_cache_bytes", "engines"),
            *("source_tokens", "target_tokens", "step_seconds", "model_info", "model_load_failed"),
            *("refusals", "requests_expired", "predicted_seconds"),
        )
    }


def test_the_latency_buckets_resolve_5_to_500_ms() -> None:
    inside = [bound for bound in LATENCY_BUCKETS if 0.005 <= bound <= 0.5]
    assert (inside[0], inside[-1]) == (0.005, 0.5)
    assert all(high / low <= 1.5 for low, high in pairwise(inside))


def test_two_servers_in_a_process_share_no_counter() -> None:
    first, second = Metrics(), Metrics()
    first.begin_model("tiny")
    second.begin_model("tiny")
    first.requests_total.labels("OK", "tiny").inc()
    labels = {"code": "OK", "model": "tiny"}
    assert second.registry.get_sample_value("dragoman_requests_total", labels) == 0
