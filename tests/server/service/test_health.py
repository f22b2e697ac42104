"""What probes are told, and where."""

import asyncio
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from grpc import aio
from grpc_health.v1 import health_pb2

from dragoman_server import application as application_module
from dragoman_server.access.keys import hash_of, new_key
from dragoman_server.application import Application
from dragoman_server.errors import BundleError, ConfigError
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.pool.pool import ModelPool
from dragoman_server.processes.messages import Setup
from dragoman_server.processes.workers import build_front_end
from dragoman_server.service.health import FAILURE, MOST_CHARACTERS, MOST_FAILURES
from tests.integration.served import free_port
from tests.server.service.fakes import FakeEngine
from tests.server.service.harness import (
    SERVICE,
    FakeLoader,
    Running,
    found,
    make_application,
    make_config,
    manifest,
    running,
)

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


async def test_who_watches_does_not_hold_the_end_up(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dragoman_server.service.server.FLUSH_SECONDS", 60.0)
    async with running() as server:
        call = watch(server)
        assert await state(call) == "SERVING"
        loop = asyncio.get_running_loop()
        began = loop.time()
        await server.application.close()
        assert loop.time() - began < 50
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def fail_to_load(server: Running, label: str, reason: str) -> None:
    server.loader.errors[label] = BundleError(reason)
    with pytest.raises(BundleError):
        await server.pool.put(found(label))


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("has_own_port", [False, True])
async def test_why_a_bundle_is_not_served_is_told_until_it_is(
    workers: int, *, has_own_port: bool
) -> None:
    own_port = free_port()
    async with running(workers=workers, health_port=own_port) as server:
        port = own_port if has_own_port else server.application.port
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert await check(channel) == SERVED
            await fail_to_load(server, "tiny@2", "weights.bin is damaged")
            failed = Answer("NOT_SERVING", ["tiny@2: weights.bin is damaged"])
            await until(channel, failed)
            for others in ("readiness", "liveness", "", "model/tiny"):
                assert await check(channel, others) == SERVED
            await fail_to_load(server, "tiny@1", "no room")
            await until(channel, Answer("NOT_SERVING", ["tiny@1: no room", *failed.reasons]))
            await server.pool.drop("tiny@1")
            await until(channel, failed)
            del server.loader.errors["tiny@2"]
            await server.pool.put(found("tiny@2", stamp=2))
            await until(channel, SERVED)


@pytest.mark.parametrize("workers", [0, 1])
async def test_what_could_not_be_loaded_at_the_start_is_told(workers: int) -> None:
    config, metrics = make_config(workers=workers), Metrics()
    loader = FakeLoader(config, metrics, manifest())
    loader.errors["bad"] = BundleError("damaged")
    pool = ModelPool(loader)
    pool.begin([found("bundle"), found("bad")], all_must_load=False)
    front_end = build_front_end(Setup(config, *pool.setup()), pool.engine_of, metrics.record)
    pool.attach(front_end)
    application = Application(config, models=pool, front_end=front_end, metrics=metrics)
    await application.start()
    async with aio.insecure_channel(f"127.0.0.1:{application.port}") as channel:
        assert await check(channel) == Answer("NOT_SERVING", ["bad: damaged"])
        assert await check(channel, "readiness") == SERVED
    await application.close()


async def test_reasons_are_short_and_of_printable_ascii(server: Running) -> None:
    await fail_to_load(server, "a", "zwölf \udcff\n\x1b[31mred\tend")
    await fail_to_load(server, "b", "ü" * 10_000)
    for number in range(MOST_FAILURES + 3):
        await fail_to_load(server, f"c{number:02}", "x")
    state, reasons = await check(server.channel)
    assert state == "NOT_SERVING"
    assert reasons[0] == "a: zw\\xf6lf \\udcff\\n\\x1b[31mred\\tend"
    assert reasons[1].startswith("b: \\xfc\\xfc")
    assert reasons[1].endswith("...")
    assert len(reasons[1]) == MOST_CHARACTERS
    assert len(reasons) == MOST_FAILURES + 1
    assert reasons[-1] == "and 5 more"


async def test_who_watches_the_bundles_is_told_of_a_failure(server: Running) -> None:
    call = watch(server, "bundles")
    assert await state(call) == "SERVING"
    await fail_to_load(server, "tiny@2", "damaged")
    assert await state(call) == "NOT_SERVING"


@pytest.mark.parametrize(
    ("fields", "is_told"),
    [
        (None, False),
        ({"models": ["tiny"]}, False),
        ({"models": ["*"]}, True),
        ({"models": [], "methods": ["AdminService"]}, True),
    ],
)
async def test_where_callers_must_say_who_they_are_only_those_of_all_models_hear_of_any(
    fields: dict[str, object] | None, *, is_told: bool
) -> None:
    key = new_key()
    grant: dict[str, object] = {"name": "acme", "methods": ["*"], "sha256": hash_of(key)}
    entries = yaml.safe_dump([grant | (fields or {"models": ["*"]})])
    async with running(api_key_entries=entries) as server:
        await fail_to_load(server, "secret@2", "damaged")
        shown = () if fields is None else (("x-api-key", key),)
        expected = ["secret@2: damaged"] if is_told else []
        assert await check(server.channel, "bundles", shown) == Answer("NOT_SERVING", expected)
        assert await check(server.channel, "readiness", shown) == SERVED


class Answer(NamedTuple):
    """What a health check says, and why where it says so."""

    state: str
    reasons: list[str]


SERVED = Answer("SERVING", [])


async def check(
    channel: aio.Channel, service: str = "bundles", metadata: tuple[tuple[str, str], ...] = ()
) -> Answer:
    method: aio.UnaryUnaryMultiCallable[
        health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
    ] = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        health_pb2.HealthCheckRequest.SerializeToString,
        health_pb2.HealthCheckResponse.FromString,
    )
    call = method(health_pb2.HealthCheckRequest(service=service), metadata=metadata)
    state = health_pb2.HealthCheckResponse.ServingStatus.Name((await call).status)
    trailers = await call.trailing_metadata() or ()
    return Answer(state, [str(value) for name, value in trailers if name == FAILURE])


async def until(channel: aio.Channel, expected: Answer) -> None:
    """Waits until the bundles are as expected; other processes are told a moment later."""
    async with asyncio.timeout(60):
        while await check(channel) != expected:
            pass


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
    async with asyncio.timeout(60):
        answer = await call.read()
    assert isinstance(answer, health_pb2.HealthCheckResponse), answer
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


async def _until(server: Running, service: str, state: str) -> None:
    async with asyncio.timeout(60):
        while await server.health(service) != state:
            pass
