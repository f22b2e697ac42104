"""Draining: what was accepted is answered, what is new is refused, and it comes to an end."""

import asyncio

import grpc
import pytest
from grpc import aio

from dragoman.v1.translation_pb2 import StreamTranslateTextRequest, TranslateTextRequest
from dragoman_server.ending import Ending
from dragoman_server.errors import BundleError
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.pool.pool import ModelPool
from tests.server.service.fakes import FakeEngine
from tests.server.service.harness import (
    SERVICE,
    Running,
    failure_of,
    make_application,
    make_config,
    read,
    running,
    unpacked,
)

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


async def test_accepted_calls_are_answered_and_new_ones_refused(server: Running) -> None:
    accepted = server.stub.TranslateText(TranslateTextRequest(contents=["a"]))
    (text,) = await server.engine.has_texts(1)
    drain = asyncio.create_task(server.application.drain())
    await _draining(server)
    failure = await failure_of(server.stub.TranslateText(TranslateTextRequest(contents=["b"])))
    assert (failure.code, failure.reason) == (UNAVAILABLE, "DRAINING")
    assert not drain.done()
    text.finish()
    assert (await accepted).translations[0].translated_text == "a"
    assert await drain


async def test_health_says_serving_then_not_serving(server: Running) -> None:
    for service in ("", SERVICE, "readiness", "liveness"):
        assert await server.health(service) == "SERVING"
    assert await server.application.drain()
    for service in ("", SERVICE, "readiness"):
        assert await server.health(service) == "NOT_SERVING"


async def test_a_server_that_drains_is_alive(server: Running) -> None:
    assert await server.application.drain()
    assert await server.health("liveness") == "SERVING"


async def test_a_running_stream_answers_accepted_texts_and_refuses_new_ones(
    server: Running,
) -> None:
    call = server.stub.StreamTranslateText()
    await call.write(StreamTranslateTextRequest(id="1", content="a"))
    (text,) = await server.engine.has_texts(1)
    drain = asyncio.create_task(server.application.drain())
    await _draining(server)
    await call.write(StreamTranslateTextRequest(id="2", content="b"))
    refused = await read(call)
    assert refused.id == "2"
    assert unpacked(refused.error).reason == "DRAINING"
    text.finish()
    answer = await read(call)
    assert answer.translation.translated_text == "a"
    failure = await failure_of(call.read())
    assert (failure.code, failure.reason) == (UNAVAILABLE, "DRAINING")
    assert await drain


async def test_an_idle_stream_does_not_hold_the_drain_up(server: Running) -> None:
    call = server.stub.StreamTranslateText()
    await call.write(StreamTranslateTextRequest(id="1", content=" "))
    await call.read()
    assert await server.application.drain()
    assert (await failure_of(call.read())).reason == "DRAINING"


async def test_what_outlasts_the_drain_timeout_is_told_unavailable() -> None:
    async with running(drain_timeout_seconds=0.05) as server:
        call = server.stub.TranslateText(TranslateTextRequest(contents=["a"]))
        await server.engine.has_texts(1)
        assert not await server.application.drain()
        await server.application.close()
        assert (await failure_of(call)).code == UNAVAILABLE


async def test_run_ends_with_zero_once_told_to_stop() -> None:
    stop = asyncio.Event()
    application = make_application(make_config(), engine := FakeEngine(), Metrics())
    run = asyncio.create_task(application.run(stop))
    stop.set()
    assert (await run).exit_code == 0
    assert engine.closed


async def test_run_ends_with_one_when_accepted_calls_are_left() -> None:
    stop = asyncio.Event()
    config = make_config(drain_timeout_seconds=0)
    engine = FakeEngine()
    application = make_application(config, engine, Metrics())
    run = asyncio.create_task(application.run(stop))
    while application.port == 0:  # noqa: ASYNC110  the application has no event for it
        await asyncio.sleep(0)
    async with aio.insecure_channel(f"127.0.0.1:{application.port}") as channel:
        call = Running(application, engine, Metrics(), channel).stub.TranslateText(
            TranslateTextRequest(contents=["a"])
        )
        await engine.has_texts(1)
        stop.set()
        assert (await failure_of(call)).code == UNAVAILABLE
    assert (await run).exit_code == 1


async def test_run_ends_with_one_when_the_engine_dies() -> None:
    engine = FakeEngine()
    engine.healthy = False
    application = make_application(make_config(), engine, Metrics())
    assert await application.run(asyncio.Event()) == Ending("engine_died", 1)


async def test_an_engine_that_hangs_does_not_hold_the_end_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dragoman_server.application.CLOSE_SECONDS", 0.05)

    class HangingEngine(FakeEngine):
        async def close(self) -> None:
            await asyncio.Event().wait()

    stop = asyncio.Event()
    stop.set()
    application = make_application(make_config(), HangingEngine(), Metrics())
    assert (await application.run(stop)).exit_code == 0
    assert [(each.message, vars(each)["part"]) for each in caplog.records] == [
        ("not_closed", "engine")
    ]


async def test_run_ends_with_one_when_there_is_no_memory_for_what_the_event_loop_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def callback() -> None:
        raise MemoryError

    application = make_application(make_config(), FakeEngine(), Metrics())
    run = asyncio.create_task(application.run(asyncio.Event()))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(callback)
    assert await run == Ending("out_of_memory", 1)
    assert "out_of_memory" in caplog.messages


async def test_run_ends_with_one_when_memory_does_not_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dragoman_server.application.HEALTH_CHECK_SECONDS", 0)
    monkeypatch.setattr("dragoman_server.application.MemoryLimit.is_low", True)
    application = make_application(make_config(), FakeEngine(), Metrics())
    assert await application.run(asyncio.Event()) == Ending("out_of_memory", 1)


async def test_a_bundle_that_changed_while_it_was_loaded_is_not_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    application = make_application(make_config(), FakeEngine(), Metrics())
    monkeypatch.setattr(ModelPool, "changed_files", lambda _: ["source.spm"])
    with pytest.raises(BundleError, match=r"source\.spm changed while being loaded"):
        await application.run(asyncio.Event())


async def _draining(server: Running) -> None:
    while await server.health() != "NOT_SERVING":
        pass
