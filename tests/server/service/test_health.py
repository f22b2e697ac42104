"""What probes are told, and where."""

import asyncio
from pathlib import Path

import pytest
from grpc import aio
from grpc_health.v1 import health_pb2

from dragoman_server import application as application_module
from dragoman_server.errors import ConfigError
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.service.server import FLUSH_SECONDS
from tests.integration.served import free_port
from tests.server.service.fakes import FakeEngine
from tests.server.service.harness import SERVICE, Running, make_application, make_config, running

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def fakes_in_the_processes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.mark.parametrize("workers", [0, 1])
async def test_a_server_whose_engine_hangs_is_neither_ready_nor_alive_until_it_goes_on(
    workers: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(application_module, "HEALTH_CHECK_SECONDS", 0.01)
    async with running(workers=workers) as server:
        stop = asyncio.Event()
        watching = asyncio.create_task(server.application._stopped(stop))
        server.engine.stalled = True
        for service in ("readiness", "liveness", SERVICE, ""):
            await _until(server, service, "NOT_SERVING")
        server.engine.stalled = False
        for service in ("readiness", "liveness"):
            await _until(server, service, "SERVING")
        stop.set()
        await watching
    assert [r.getMessage() for r in caplog.records] == ["engine_stalled", "engine_resumed"]


@pytest.mark.parametrize("workers", [0, 1])
async def test_the_health_port_answers_health_and_nothing_else(workers: int) -> None:
    port = free_port()
    async with running(health_port=port, workers=workers) as server:
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            probed = Running(server.application, server.engine, server.metrics, channel)
            assert await probed.health("readiness") == "SERVING"
            with pytest.raises(aio.AioRpcError, match="UNIMPLEMENTED"):
                await probed.call_raw(b"", "ListModels")
        assert await server.health("readiness") == "SERVING"


async def test_a_health_port_that_is_taken_is_told(server: Running) -> None:
    config = make_config(health_port=server.application.port)
    second = make_application(config, FakeEngine(), Metrics())
    with pytest.raises(ConfigError, match="Address already in use"):
        await second.start()
    await second.close()


async def test_each_who_watches_is_told_of_the_drain_whoever_ends(server: Running) -> None:
    first, second = watch(server), watch(server)
    assert [await state(first), await state(second)] == ["SERVING", "SERVING"]
    first.cancel()
    await server.health()  # a round trip: the server had time to forget the first
    await server.application.drain()
    assert await state(second) == "NOT_SERVING"


async def test_who_watches_what_there_is_not_is_told_so(server: Running) -> None:
    assert await state(watch(server, "other")) == "SERVICE_UNKNOWN"


async def test_who_watches_does_not_hold_the_end_up(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as server:
        call = watch(server)
        assert await state(call) == "SERVING"
        loop = asyncio.get_running_loop()
        began = loop.time()
        await server.application.close()
        assert loop.time() - began < FLUSH_SECONDS
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


Watch = aio.UnaryStreamCall[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse]


def watch(server: Running, service: str = SERVICE) -> Watch:
    method: aio.UnaryStreamMultiCallable[
        health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
    ] = server.channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        health_pb2.HealthCheckRequest.SerializeToString,
        health_pb2.HealthCheckResponse.FromString,
    )
    return method(health_pb2.HealthCheckRequest(service=service))


async def state(call: Watch) -> str:
    """What a watcher is told next."""
    async with asyncio.timeout(5):
        answer = await call.read()
    assert isinstance(answer, health_pb2.HealthCheckResponse), answer
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


async def _until(server: Running, service: str, state: str) -> None:
    async with asyncio.timeout(10):
        while await server.health(service) != state:
            pass
