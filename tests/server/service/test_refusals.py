"""Calls that are refused for overload: at once, unread, and with when to come back."""

import asyncio
import json
import time
from dataclasses import replace

import grpc
import pytest
from grpc import aio

from dragoman.v1.translation_pb2 import ListModelsRequest, TranslateTextRequest
from dragoman_server.errors import OverloadError, QueueFullError, WouldExpireError
from dragoman_server.service.server import LEAST_INCOMING
from tests.attacks.http2 import Connection
from tests.server.rpc.later import an_hour_later
from tests.server.service.harness import Running, failure_of, running

REQUEST = TranslateTextRequest(contents=["a"])
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


def late(*, excess: float, remaining: float = 1.0) -> WouldExpireError:
    return WouldExpireError("late", retry_after_seconds=excess, remaining_seconds=remaining)


async def test_a_call_that_would_expire_is_refused_with_when_to_try_again(server: Running) -> None:
    server.engine.refusal = late(excess=0.25)
    failure = await failure_of(server.stub.TranslateText(REQUEST))
    assert (failure.code, failure.reason, failure.message) == (EXHAUSTED, "WOULD_EXPIRE", "late")
    assert failure.retry_seconds == 0.25
    assert failure.pushback == "250"


async def test_a_refused_call_is_not_even_parsed(server: Running) -> None:
    server.engine.is_at_ease = False
    server.engine.refusal = late(excess=0.25)
    failure = await failure_of(server.call_raw(b"\x0a\x02\xff\xfe"))
    assert failure.reason == "WOULD_EXPIRE"


async def test_engines_at_ease_are_asked_once_a_call_is_read_and_others_before_too(
    server: Running,
) -> None:
    server.engine.echo = True
    await server.stub.TranslateText(REQUEST)
    assert len(server.engine.checked) == 1
    server.engine.is_at_ease = False
    await server.stub.TranslateText(REQUEST)
    assert len(server.engine.checked) == 3


async def test_calls_that_need_no_engine_are_not_refused(server: Running) -> None:
    server.engine.refusal = late(excess=0.25)
    assert (await server.stub.ListModels(ListModelsRequest())).models
    assert server.engine.checked == []


async def test_a_full_queue_pushes_back(server: Running) -> None:
    server.engine.room = 0
    failure = await failure_of(server.stub.TranslateText(REQUEST))
    assert (failure.reason, failure.pushback) == ("QUEUE_FULL", "250")


async def test_too_many_calls_push_back_streams_included() -> None:
    async with running(max_concurrent_requests=1) as server:
        first = server.stub.TranslateText(REQUEST)
        await server.engine.has_texts(1)
        failure = await failure_of(server.stub.TranslateText(REQUEST))
        assert (failure.reason, failure.pushback) == ("TOO_MANY_CALLS", "500")
        failure = await failure_of(server.stub.StreamTranslateText().read())
        assert (failure.reason, failure.pushback) == ("TOO_MANY_CALLS", "500")
        first.cancel()


async def test_messages_that_do_not_come_are_counted() -> None:
    async with running(message_timeout_seconds=600, max_message_bytes=2**30) as server:
        connection = await Connection.open(f"127.0.0.1:{server.application.port}")
        for _ in range(LEAST_INCOMING + 1):
            connection.send_headers("/dragoman.v1.TranslationService/TranslateText")
        status, details = await asyncio.wait_for(connection.status_of(1), 60)
        assert status == "8"
        assert details == "too many messages are on their way, and this call's takes longest"
        with an_hour_later():
            for index in range(LEAST_INCOMING):
                status, _ = await asyncio.wait_for(connection.status_of(3 + 2 * index), 60)
                assert status == "4"
        await connection.close()
        assert server.sample("dragoman_refusals_total", cause="TOO_MANY_CALLS") == 1
        failures = server.sample("dragoman_request_failures_total", reason="DEADLINE")
        assert failures == LEAST_INCOMING


async def test_other_failures_say_nothing_about_retries(server: Running) -> None:
    assert (await failure_of(server.stub.TranslateText(TranslateTextRequest()))).pushback is None


RETRIES = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.001s",
                    "maxBackoff": "0.001s",
                    "backoffMultiplier": 1,
                    "retryableStatusCodes": ["RESOURCE_EXHAUSTED"],
                },
            }
        ]
    }
)
"""A client's that leaves retries to gRPC."""


@pytest.mark.parametrize(
    ("refusal", "calls"),
    [(QueueFullError("full", retry_after_seconds=0.001), 4), (late(excess=1.0), 1)],
    ids=["after the delay", "not within the deadline"],
)
async def test_grpc_at_the_client_obeys_the_pushback(
    server: Running, refusal: OverloadError, calls: int
) -> None:
    server.engine.refusal = refusal
    address, options = f"127.0.0.1:{server.application.port}", [("grpc.service_config", RETRIES)]
    async with aio.insecure_channel(address, options) as channel:
        failure = await failure_of(replace(server, channel=channel).stub.TranslateText(REQUEST))
    assert failure.retry_seconds == refusal.retry_after_seconds
    assert len(server.engine.checked) == calls


async def test_a_calls_own_deadline_is_what_its_texts_are_due_at() -> None:
    async with running(default_timeout_seconds=30) as server:
        before = time.monotonic()
        call = server.stub.TranslateText(REQUEST, timeout=500)
        (text,) = await server.engine.has_texts(1)
        assert before + 450 < text.limit.due < time.monotonic() + 501
        assert text.limit.deadline == text.limit.due
        assert server.engine.checked[0].due == pytest.approx(text.limit.due, abs=50)
        call.cancel()


async def test_a_call_without_deadline_is_due_at_the_servers() -> None:
    async with running(default_timeout_seconds=30) as server:
        before = time.monotonic()
        call = server.stub.TranslateText(REQUEST)
        (text,) = await server.engine.has_texts(1)
        assert before + 29 < text.limit.due < time.monotonic() + 30
        call.cancel()


async def test_a_call_without_deadline_is_due_at_some_time_by_default(server: Running) -> None:
    before = time.monotonic()
    call = server.stub.TranslateText(REQUEST)
    (text,) = await server.engine.has_texts(1)
    assert before + 599 < text.limit.due < time.monotonic() + 600
    call.cancel()


@pytest.mark.parametrize("seconds", [None, 3600])
async def test_no_call_is_due_later_than_the_longest_deadline(seconds: float | None) -> None:
    async with running(max_timeout_seconds=30) as server:
        before = time.monotonic()
        call = server.stub.TranslateText(REQUEST, timeout=seconds)
        (text,) = await server.engine.has_texts(1)
        assert before + 29 < text.limit.due < time.monotonic() + 30
        call.cancel()


@pytest.mark.parametrize("seconds", [None, 3600])
async def test_a_call_that_takes_longer_than_the_longest_deadline_ends(
    seconds: float | None,
) -> None:
    async with running(max_timeout_seconds=0.05) as server:
        failure = await failure_of(server.stub.TranslateText(REQUEST, timeout=seconds))
        assert failure.code == grpc.StatusCode.DEADLINE_EXCEEDED
        await server.engine.all_cancelled()


async def test_a_call_without_memory_is_refused(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("dragoman_server.memory.MemoryLimit.is_low", True)
        failure = await failure_of(server.stub.TranslateText(REQUEST))
    assert (failure.code, failure.reason) == (EXHAUSTED, "OUT_OF_MEMORY")
    assert failure.retry_seconds == 1
    server.engine.echo = True
    await server.stub.TranslateText(REQUEST)


async def test_a_call_for_which_memory_ends_is_refused_too(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def submit(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(server.engine, "submit", submit)
    failure = await failure_of(server.stub.TranslateText(REQUEST))
    assert (failure.code, failure.reason) == (EXHAUSTED, "OUT_OF_MEMORY")


async def test_a_refused_call_is_over_and_the_next_is_taken(server: Running) -> None:
    server.engine.refusal = late(excess=0.25)
    await failure_of(server.stub.TranslateText(REQUEST))
    server.engine.refusal, server.engine.echo = None, True
    response = await server.stub.TranslateText(REQUEST)
    assert response.translations[0].translated_text == "a"
    assert await server.application.drain()
