"""Front ends in processes of their own: what they take is answered as if there were none."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import grpc
import pytest
from grpc import aio

from dragoman.v1.translation_pb2 import (
    DetectLanguageRequest,
    ListModelsRequest,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    TranslateTextResponse,
)
from dragoman_server.access.keys import hash_of, new_key
from dragoman_server.ending import Ending
from dragoman_server.errors import (
    BackendError,
    BundleError,
    ConfigError,
    DragomanError,
    WouldExpireError,
)
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.processes.messages import Drain, Drained
from dragoman_server.processes.workers import Workers
from tests.server.collector import Collector, milliseconds
from tests.server.service.fakes import FakeEngine, FakeTokenizer
from tests.server.service.harness import (
    Running,
    failure_of,
    found,
    make_application,
    make_config,
    make_front_end_setup,
    make_setup,
    manifest,
    read,
    running,
)

ROOT = Path(__file__).parents[3]
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


@pytest.fixture(autouse=True)
def fakes_in_the_processes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    async with running(workers=2) as server:
        yield server


def pids(server: Running) -> list[int]:
    workers = server.application._front_end
    assert isinstance(workers, Workers)
    return [worker._process.pid for worker in workers._workers]


def request(*texts: str) -> TranslateTextRequest:
    return TranslateTextRequest(contents=texts)


def texts(response: TranslateTextResponse) -> list[str]:
    return [each.translated_text for each in response.translations]


async def test_each_process_tells_of_its_calls_and_how_long_engines_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")  # at its end it may have no time to
    with Collector() as collector:
        async with running(
            workers=1, otlp_endpoint=collector.endpoint, trace_sampling=1.0
        ) as server:
            server.engine.echo = True
            await server.stub.TranslateText(request("a b"))
            await _until(lambda: len(collector.spans) >= 4)
    assert {span.name for span in collector.spans} == {
        "dragoman.v1.TranslationService/TranslateText",
        "queue",
        "encode",
        "decode",
    }
    (decode,) = collector.named("decode")
    assert milliseconds(decode) == pytest.approx(7, abs=0.01)


@asynccontextmanager
async def own_connection(server: Running) -> AsyncIterator[Running]:
    """The server over a connection that nobody shares; one process or another gets it."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    address = f"127.0.0.1:{server.application.port}"
    async with aio.insecure_channel(address, options) as channel:
        yield Running(server.application, server.engine, server.metrics, channel)


async def test_calls_over_many_connections_are_answered_and_counted(server: Running) -> None:
    server.engine.echo = True
    async with AsyncExitStack() as stack:
        answers = []
        for number in range(16):
            own = await stack.enter_async_context(own_connection(server))
            answers.append(own.stub.TranslateText(request(f"word {number}", "more")))
        for number, answer in enumerate(answers):
            assert texts(await answer) == [f"word {number}", "more"]
    await _until(lambda: server.sample("dragoman_requests_total", code="OK") == 16)
    assert server.sample("dragoman_request_latency_seconds_count") == 16


async def test_each_process_finds_out_languages() -> None:
    async with running(manifest("en de"), workers=1, detect_languages=True) as server:
        server.engine.echo = True
        asked = DetectLanguageRequest(contents=["Wo ist der Bahnhof?"])
        answer = await server.stub.DetectLanguage(asked)
        assert answer.detected[0].language_code == "de"
        translated = await server.stub.TranslateText(request("Where is the railway station?"))
        assert translated.translations[0].detected_language_code == "en"
        mixed = request("Where is the railway station? Wo ist der Bahnhof?")
        mixed.mixed_languages = True
        segments = (await server.stub.TranslateText(mixed)).translations[0].segments
        assert [each.detected_language_code for each in segments] == ["en", "de"]


async def test_what_each_process_keeps_of_translations_is_added_up() -> None:
    async with running(workers=1, cache_bytes=10_000) as server:
        server.engine.echo = True
        for _ in range(3):
            assert texts(await server.stub.TranslateText(request("a", "b"))) == ["a", "b"]
        assert len(server.engine.texts) == 2
        await _until(lambda: server.sample("dragoman_cache_hits_total", model="tiny") == 4)
        assert server.sample("dragoman_cache_misses_total", model="tiny") == 2
        assert 1000 < server.sample("dragoman_cache_bytes") < 2000


async def test_a_replaced_model_is_served_by_every_process_at_once(server: Running) -> None:
    server.engine.echo = True
    (old,) = server.pool.labels.values()
    stub = server.stub
    before = await stub.TranslateText(request("a"))
    await server.pool.put(found("bundle", stamp=2))
    after = await stub.TranslateText(request("a"))
    versions = [each.translations[0].model_version for each in (before, after)]
    assert versions == ["1", "2"]
    assert old not in server.pool.labels.values()
    models = (await stub.ListModels(ListModelsRequest())).models
    assert [(model.version, model.is_default) for model in models] == [("2", True)]
    assert await server.health("model/tiny@2") == "SERVING"
    assert await server.health("model/tiny") == "SERVING"


async def test_one_that_the_processes_cannot_serve_is_refused(server: Running) -> None:
    setup = make_setup(make_config(), number=9)._replace(make_tokenizer=no_tokenizer)
    workers = server.application._front_end
    assert isinstance(workers, Workers)
    with pytest.raises(BundleError, match="no tokenizer"):
        await workers.prepare(setup)
    server.engine.echo = True
    assert texts(await server.stub.TranslateText(request("a"))) == ["a"]


def no_tokenizer() -> FakeTokenizer:
    raise BundleError("no tokenizer")


async def test_each_failure_crosses_with_all_that_the_client_is_told(server: Running) -> None:
    server.engine.room = 1
    failure = await failure_of(server.stub.TranslateText(request("a", "b")))
    assert (failure.reason, failure.retry_seconds) == ("QUEUE_FULL", 0.25)
    server.engine.room = 10
    for count, (error, expected) in enumerate(
        [
            (
                WouldExpireError("late", retry_after_seconds=0.5, remaining_seconds=9.0),
                (grpc.StatusCode.RESOURCE_EXHAUSTED, "WOULD_EXPIRE", 0.5),
            ),
            (BackendError("broken"), (grpc.StatusCode.INTERNAL, "BACKEND_FAILED", None)),
            (ValueError("a bug"), (grpc.StatusCode.INTERNAL, "BACKEND_FAILED", None)),
        ]
    ):
        call = server.stub.TranslateText(request("a", "b"))
        await server.engine.has_texts(2 * count + 2)
        server.engine.texts[-2].fail(error)
        failure = await failure_of(call)
        assert (failure.code, failure.reason, failure.retry_seconds) == expected
        await server.engine.until(server.engine.texts[-1].future.cancelled)
    await _until(lambda: server.sample("dragoman_request_failures_total", reason="BACKEND") == 2)
    assert server.sample("dragoman_refusals_total", cause="QUEUE_FULL") == 1
    assert server.sample("dragoman_refusals_total", cause="WOULD_EXPIRE") == 1


async def test_a_cancelled_call_frees_its_texts(server: Running) -> None:
    call = server.stub.TranslateText(request("a", "b"))
    (first, _) = await server.engine.has_texts(2)
    first.finish()
    call.cancel()
    await server.engine.until(server.engine.texts[1].future.cancelled)


async def test_a_stream_gets_partial_texts_and_deadlines_cross(server: Running) -> None:
    stream = server.stub.StreamTranslateText(timeout=600)
    await stream.write(StreamTranslateTextRequest(id="1", content="a b c", partial_results=True))
    await stream.write(StreamTranslateTextRequest(id="2", content="d"))
    text, second = await server.engine.has_texts(2)
    assert (text.sender.texts_before, second.sender.texts_before) == (0, 1)
    remaining = text.limit.deadline - asyncio.get_running_loop().time()
    assert 500 < remaining < 601
    text.partial(2)
    assert (await read(stream)).partial_text == "a b"
    text.finish()
    assert (await read(stream)).translation.translated_text == "a b c"


async def test_a_split_text_crosses_sentence_by_sentence(server: Running) -> None:
    content = " a b.\n\n- c d\n"
    stream = server.stub.StreamTranslateText(timeout=60)
    await stream.write(StreamTranslateTextRequest(id="1", content=content, partial_results=True))
    first, second = await server.engine.has_texts(2)
    second.partial(1)
    first.partial(1)
    assert (await read(stream)).partial_text == " a"
    first.finish()
    second.partial(1)
    assert (await read(stream)).partial_text == " a b.\n\n- c"
    second.finish()
    translation = (await read(stream)).translation
    assert translation.translated_text == content
    assert [segment.source_begin for segment in translation.segments] == [1, 9]
    stream.cancel()


async def test_what_was_accepted_is_answered_while_draining(server: Running) -> None:
    accepted = server.stub.TranslateText(request("a"))
    (text,) = await server.engine.has_texts(1)
    drain = asyncio.create_task(server.application.drain())
    while await server.health() != "NOT_SERVING":
        pass
    assert (await failure_of(server.stub.TranslateText(request("b")))).reason == "DRAINING"
    assert not drain.done()
    text.finish()
    assert texts(await accepted) == ["a"]
    assert await drain


async def test_the_server_ends_with_one_when_a_front_end_dies() -> None:
    engine, metrics, stop = FakeEngine(), Metrics(), asyncio.Event()
    application = make_application(make_config(workers=2), engine, metrics)
    run = asyncio.create_task(application.run(stop))
    await _until(lambda: application.port != 0)
    async with aio.insecure_channel(f"127.0.0.1:{application.port}") as channel:
        server = Running(application, engine, metrics, channel)
        call = server.stub.TranslateText(request("a"))
        await engine.has_texts(1)
        for pid in pids(server):
            os.kill(pid, signal.SIGKILL)
        await engine.all_cancelled()
        with pytest.raises(aio.AioRpcError) as caught:
            await call
        assert caught.value.code() == UNAVAILABLE
    assert (await run).exit_code == 1


async def test_a_signal_to_a_front_end_process_drains_the_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "dragoman_server")
    application = make_application(make_config(workers=2), FakeEngine(), Metrics())
    run = asyncio.create_task(application.run(asyncio.Event()))
    await _until(lambda: application.has_served)
    workers = application._front_end
    assert isinstance(workers, Workers)
    pid = workers._workers[1]._process.pid
    os.kill(pid, signal.SIGUSR1)  # means nothing
    os.kill(pid, signal.SIGTERM)
    assert await run == Ending("SIGTERM", 0)
    (told,) = [vars(record) for record in caplog.records if record.message == "worker_told"]
    assert (told["pid"], told["signal"]) == (pid, "SIGTERM")


async def test_how_a_front_end_process_ended_is_told(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    pid, _ = pids(server)
    os.kill(pid, signal.SIGKILL)
    await _until(lambda: "worker_ended" in caplog.messages)
    (told,) = [vars(record) for record in caplog.records if record.message == "worker_ended"]
    assert (told["pid"], told["exit_code"]) == (pid, -signal.SIGKILL)


async def test_a_stopped_process_does_not_hold_the_end_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dragoman_server.processes.workers.ANSWER_SECONDS", 0.5)
    monkeypatch.setattr("dragoman_server.processes.worker_process.STOP_SECONDS", 60)
    async with running(workers=2, drain_timeout_seconds=0) as server:
        workers = server.application._front_end
        assert isinstance(workers, Workers)
        stopped, other = workers._workers
        pid = stopped._process.pid
        os.kill(pid, signal.SIGSTOP)
        other.send(Drain())
        await other.drained  # however long it takes
        assert not await server.application.drain()
        await server.application.close()
        killed = [vars(each)["pid"] for each in caplog.records if each.message == "worker_killed"]
        assert killed == [pid]


async def test_a_process_that_says_too_late_that_it_has_drained_is_not_asked_any_more(
    server: Running,
) -> None:
    workers = server.application._front_end
    assert isinstance(workers, Workers)
    workers._workers[0].drained.cancel()
    workers._workers[0].received(Drained(in_time=True))
    assert workers._workers[0].drained.cancelled()


async def test_processes_can_be_ended_at_once(server: Running) -> None:
    workers = server.application._front_end
    assert isinstance(workers, Workers)
    os.kill(workers._workers[0]._process.pid, signal.SIGSTOP)
    server.application.kill()
    for worker in workers._workers:
        assert await worker._process.wait() == -signal.SIGKILL


async def test_a_terminal_signals_the_engines_process_alone(server: Running) -> None:
    assert {os.getsid(pid) for pid in pids(server)}.isdisjoint({os.getsid(0)})


async def test_front_ends_end_when_the_engines_process_is_gone(server: Running) -> None:
    call = server.stub.TranslateText(request("a"))
    await server.engine.has_texts(1)
    workers = server.application._front_end
    assert isinstance(workers, Workers)
    for worker in workers._workers:
        assert worker._link is not None
        worker._link.close()
    assert (await failure_of(call)).code == UNAVAILABLE
    for worker in workers._workers:
        assert await worker._process.wait() == 1


async def test_a_front_end_that_cannot_start_says_why(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    config = make_config(workers=2, tls_certificate=missing, tls_private_key=missing)
    application = make_application(config, FakeEngine(), Metrics())
    with pytest.raises(ConfigError, match="tls_certificate"):
        await application.start()
    await application.close()


async def test_a_port_that_another_server_shares_with_its_own_is_taken(server: Running) -> None:
    for workers in (0, 1):
        config = make_config(port=server.application.port, workers=workers)
        second = make_application(config, FakeEngine(), Metrics())
        with pytest.raises(ConfigError, match="Address already in use"):
            await second.start()
        await second.close()


def broken_tokenizer() -> FakeTokenizer:
    sys.exit(3)


async def test_a_front_end_that_breaks_while_it_starts_is_told() -> None:
    config = make_config(workers=1)
    engine = FakeEngine()
    setup = make_front_end_setup(config, broken_tokenizer)
    workers = Workers(setup, lambda _: engine, Metrics().record)
    with pytest.raises(DragomanError, match="before it served"):
        await workers.start()
    await workers.close()


async def test_a_process_that_does_not_end_is_killed(
    server: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dragoman_server.processes.worker_process.STOP_SECONDS", 0.1)
    for pid in pids(server):
        os.kill(pid, signal.SIGSTOP)
    await server.application.close()
    assert [record.getMessage() for record in caplog.records] == ["worker_killed"] * 2


async def test_each_process_lets_in_by_the_files_itself(tmp_path: Path) -> None:
    path, first, second = tmp_path / "keys.yaml", new_key(), new_key()

    def write(key: str, limits: str = "") -> None:
        grant = f"methods: ['*'], models: ['*']{limits}"
        path.write_text(f"- {{name: acme, sha256: {hash_of(key)}, {grant}}}")

    write(first, ", texts_per_second: 0.002, burst_seconds: 2000")
    async with running(workers=2, api_keys=path) as server:

        async def call(key: str, *given: str) -> TranslateTextResponse:
            return await server.stub.TranslateText(request(*given), metadata=(("x-api-key", key),))

        server.engine.echo = True
        assert texts(await call(first, "a", "b")) == ["a", "b"]
        assert server.engine.texts[0].sender.caller == "acme"
        # Half of the rate and of the burst is this process's.
        failure = await failure_of(call(first, "a"))
        assert failure.reason == "RATE_LIMITED"
        assert failure.retry_seconds == pytest.approx(1000, abs=300)
        assert (await failure_of(call(second, "a"))).reason == "CREDENTIALS_REFUSED"
        write(second)
        labels = {"file": "api_keys", "outcome": "OK"}
        await _until(lambda: server.sample("dragoman_file_reloads_total", **labels) == 2)
        assert texts(await call(second, "a")) == ["a"]
        assert (await failure_of(call(first, "a"))).reason == "CREDENTIALS_REFUSED"
        await _until(lambda: server.sample("dragoman_requests_total", code="UNAUTHENTICATED") == 2)


async def test_what_callers_had_is_added_up_over_the_processes() -> None:
    key = new_key()
    grant = "methods: ['*'], models: ['*'], texts_per_second: 0.1, burst_seconds: 1000"
    entries = f"- {{name: acme, sha256: {hash_of(key)}, {grant}}}"
    async with running(workers=2, api_key_entries=entries) as server, AsyncExitStack() as stack:
        server.engine.echo = True
        answers = []
        for _ in range(8):
            own = await stack.enter_async_context(own_connection(server))
            large = request(*["a"] * 60)  # more than is left of half the burst after any other
            answers.append(own.stub.TranslateText(large, metadata=(("x-api-key", key),)))
        codes = [await answer.code() for answer in answers]
        answered = codes.count(grpc.StatusCode.OK)
        assert 1 <= answered <= 2  # one of each process
        labels = {"caller": "acme"}
        requests, refusals = "dragoman_caller_requests_total", "dragoman_caller_refusals_total"
        await _until(lambda: server.sample(requests, **labels) == 8)
        assert server.sample(refusals, cause="RATE_LIMITED", **labels) == 8 - answered
        labels["priority"] = "interactive"
        assert server.sample("dragoman_caller_texts_total", **labels) == 60 * answered
        assert server.sample("dragoman_caller_target_tokens_total", **labels) == 60 * answered


async def test_a_wrong_key_file_is_told_by_the_processes() -> None:
    application = make_application(
        make_config(workers=2, api_key_entries="- 5"), FakeEngine(), Metrics()
    )
    with pytest.raises(ConfigError, match="entry 1"):
        await application.start()
    await application.close()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  another process changes it
            await asyncio.sleep(0.01)


async def test_processes_share_the_port_of_http() -> None:
    pytest.importorskip("starlette")
    async with running(workers=2, http_port=0) as server:
        server.engine.echo = True
        workers = server.application._front_end
        assert isinstance(workers, Workers)
        assert workers.http_port

        def translated() -> str:
            request = Request(
                f"http://127.0.0.1:{workers.http_port}/translate",
                data=b"q=a+b&source=en&target=de",
            )
            with urlopen(request, timeout=60) as answer:
                return str(json.loads(answer.read())["translatedText"])

        each = await asyncio.gather(*(asyncio.to_thread(translated) for _ in range(8)))
        assert each == ["a b"] * 8
        ours = {"interface": "libretranslate", "code": "OK"}
        async with asyncio.timeout(60):
            while server.sample("dragoman_interface_requests_total", **ours) < 8:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
