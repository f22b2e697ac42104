"""The peer's server over a real channel; instead of CTranslate2, texts are their translations."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2

from dragoman.v1 import translation_pb2 as pb
from dragoman.v1.translation_pb2_grpc import TranslationServiceStub
from tests.bench.peer_batcher import Batcher
from tests.bench.peer_search import Search, Text
from tests.bench.peer_server import describe_peer, serve
from tests.bench.peer_service import PeerService, TextBatcher
from tests.server.service.fakes import FakeTokenizer
from tests.server.service.harness import SERVICE, failure_of, make_config, manifest

if TYPE_CHECKING:
    from dragoman.v1.translation_pb2_grpc import TranslationServiceAsyncStub


class Echo:
    """Cuts at the length that is asked for, or repeats the first word until it is reached."""

    def __init__(self) -> None:
        self.searches: list[Search] = []

    def __call__(self, texts: Sequence[Text], search: Search) -> list[list[int]]:
        self.searches.append(search)
        if any(len(text.source_ids) == 7 for text in texts):
            raise RuntimeError("broken")
        return [self._translate(text, search) for text in texts]

    def _translate(self, text: Text, search: Search) -> list[int]:
        words = text.source_ids[:-1][: text.length]
        missing = text.length - len(words) if search.lengths is None else 0
        return words + words[:1] * missing


class Running:
    def __init__(self, channel: aio.Channel, echo: Echo) -> None:
        self.channel = channel
        self.echo = echo

    @property
    def stub(self) -> "TranslationServiceAsyncStub":
        return TranslationServiceStub(self.channel)

    async def translate(self, *contents: str, **options: object) -> list[pb.Translation]:
        request = pb.TranslateTextRequest(
            contents=contents,
            options=pb.DecodingOptions(**options),  # type: ignore[arg-type]
        )
        return list((await self.stub.TranslateText(request)).translations)


@asynccontextmanager
async def running(max_queue_size: int = 10) -> AsyncIterator[Running]:
    echo, stop = Echo(), asyncio.Event()
    batcher: TextBatcher = Batcher(echo, workers=1, max_batch_size=4, max_delay_seconds=0)
    model = describe_peer(manifest(), make_config(), "int8")
    service = PeerService(
        manifest(), model, FakeTokenizer(), batcher, max_queue_size=max_queue_size
    )
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(service, batcher, 0, stop, port.set_result))
        async with aio.insecure_channel(f"127.0.0.1:{await port}") as channel:
            yield Running(channel, echo)
        stop.set()


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    async with running() as found:
        yield found


async def test_translations_are_1_to_1_and_in_order(server: Running) -> None:
    contents = ["a", " ", "b c d", "e f", "~", "g h", "i"]
    translations = await server.translate(*contents)
    assert [each.translated_text for each in translations] == [
        "a",
        "",
        "b c d",
        "e f",
        "",
        "g h",
        "i",
    ]
    assert [each.source_token_count for each in translations] == [2, 0, 4, 3, 0, 3, 2]
    assert [each.target_token_count for each in translations] == [1, 0, 3, 2, 0, 2, 1]
    assert {each.finish_reason for each in translations} == {pb.FINISH_REASON_STOP}
    assert not any(each.HasField("score") for each in translations)
    assert server.echo.searches == [Search(1, (0, 12))] * 2  # 12: the model's own


async def test_lengths_and_beams_are_those_asked_for(server: Running) -> None:
    (cut,) = await server.translate("a b c", max_decoding_length=2, beam_size=3)
    assert cut.translated_text == "a b"
    assert cut.finish_reason == pb.FINISH_REASON_LENGTH
    (whole,) = await server.translate("a b c", min_decoding_length=1, max_decoding_length=4)
    assert whole.finish_reason == pb.FINISH_REASON_STOP
    assert server.echo.searches == [Search(3, (0, 2)), Search(1, (1, 4))]


async def test_texts_of_all_forced_lengths_may_share_a_batch(server: Running) -> None:
    for length in (2, 4):
        forced = {"min_decoding_length": length, "max_decoding_length": length}
        (translation,) = await server.translate("a b c", **forced)
        assert translation.target_token_count == length
        assert translation.finish_reason == pb.FINISH_REASON_LENGTH
    assert server.echo.searches == [Search(1, None)] * 2


async def test_neutral_values_of_other_options_are_taken(server: Running) -> None:
    assert await server.translate("a", length_penalty=1.0, num_hypotheses=1, return_scores=True)


@pytest.mark.parametrize(
    "options",
    [
        {"length_penalty": 0.5},
        {"early_stopping": pb.EARLY_STOPPING_TRUE},
        {"target_prefix": "x"},
        {"suppress_sequences": ["x"]},
        {"return_token_scores": True},
        {"max_length_factor": 1.5},
        {"beam_size": 0},
        {"max_decoding_length": 16},
        {"min_decoding_length": 3, "max_decoding_length": 2},
    ],
    ids=lambda options: next(iter(options)),
)
async def test_options_that_it_cannot_do_are_refused(
    server: Running, options: dict[str, object]
) -> None:
    failure = await failure_of(server.translate("a", **options))
    assert failure.code == grpc.StatusCode.INVALID_ARGUMENT
    assert list(failure.fields) == [f"options.{next(iter(options))}"]


async def test_a_text_that_is_too_long_is_refused(server: Running) -> None:
    failure = await failure_of(server.translate("a", "a " * 16))
    assert failure.code == grpc.StatusCode.INVALID_ARGUMENT
    assert list(failure.fields) == ["contents[1]"]


async def test_more_than_may_wait_is_refused() -> None:
    async with running(max_queue_size=2) as server:
        failure = await failure_of(server.translate("a", "b", "c"))
        assert failure.code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert failure.reason == "QUEUE_FULL"
        assert len(await server.translate("a", "b")) == 2


async def test_a_failed_batch_fails_its_call_and_the_log_has_no_text(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    failure = await failure_of(server.translate("secret b c d e f"))
    assert failure.code == grpc.StatusCode.INTERNAL
    assert failure.metadata["error_id"] in caplog.text
    assert "secret" not in caplog.text
    assert len(await server.translate("a")) == 1


async def test_streams_are_not_there(server: Running) -> None:
    call = server.stub.StreamTranslateText(iter([pb.StreamTranslateTextRequest(id="1")]))
    with pytest.raises(aio.AioRpcError) as error:
        await call.read()
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


async def test_it_says_what_it_is_and_that_it_serves(server: Running) -> None:
    (model,) = (await server.stub.ListModels(pb.ListModelsRequest())).models
    assert model.name == "ctranslate2-tiny"
    assert (model.precision, model.provider) == ("int8", "cpu")
    assert (model.limits.max_input_length, model.limits.max_decoding_length) == (16, 15)
    for service in ("", SERVICE):
        check = server.channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )
        health = await check(health_pb2.HealthCheckRequest(service=service))
        assert health.status == health_pb2.HealthCheckResponse.SERVING
