"""Several models behind one port: found, listed, counted and told of by their names."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dragoman.v1.translation_pb2 import (
    ListModelsRequest,
    StreamTranslateTextRequest,
    TranslateTextRequest,
)
from dragoman_server.processes.front_end import FrontEnd
from tests.server.service.fakes import FakeEngine
from tests.server.service.harness import (
    FakeLoader,
    Running,
    failure_of,
    found,
    manifest,
    read,
    running,
)


@asynccontextmanager
async def several(*names: str) -> AsyncIterator[tuple[Running, dict[str, FakeEngine]]]:
    """A server of models with these names, each into another language, and their engines."""
    models = {name: manifest("en", name.rpartition("-")[2]) for name in names}
    for name, model in models.items():
        model.name = name
    first, *others = names
    async with running(models[first]) as server:
        engines = {first: server.engine} | {name: FakeEngine() for name in others}
        for engine in engines.values():
            engine.echo = True
        loader = server.pool._load
        assert isinstance(loader, FakeLoader)
        for name in others:
            loader.models[name] = models[name], engines[name]
            await server.pool.put(found(name))
        yield server, engines


async def test_each_request_goes_to_the_model_that_it_means() -> None:
    async with several("en-de", "en-fr") as (server, engines):
        stub = server.stub
        for request in (
            TranslateTextRequest(contents=["a"], model="en-fr"),
            TranslateTextRequest(contents=["a"], target_language_code="fr"),
        ):
            answer = await stub.TranslateText(request)
            assert answer.translations[0].model == "en-fr"
        assert [len(engine.texts) for engine in engines.values()] == [0, 2]
        call = stub.StreamTranslateText()
        await call.write(StreamTranslateTextRequest(id="1", content="a", model="en-de"))
        assert (await read(call)).translation.model == "en-de"
        await call.write(StreamTranslateTextRequest(id="2", content="a", model="en-fr"))
        assert (await read(call)).translation.model == "en-fr"


async def test_a_request_that_several_fit_is_told_which() -> None:
    async with several("en-de", "en-fr") as (server, _):
        failure = await failure_of(server.stub.TranslateText(TranslateTextRequest(contents=["a"])))
        assert failure.reason == "MODEL_REQUIRED"
        assert failure.metadata["allowed"] == "'en-de', 'en-fr'"
        assert list(failure.fields) == ["model"]


async def test_all_are_listed_and_healthy_under_their_names() -> None:
    async with several("en-de", "en-fr") as (server, _):
        models = (await server.stub.ListModels(ListModelsRequest())).models
        assert [(model.name, model.is_default) for model in models] == [
            ("en-de", True),
            ("en-fr", True),
        ]
        assert await server.health("model/en-fr") == "SERVING"
        await server.pool.drop("en-fr")
        assert await server.health("model/en-fr") == "NOT_SERVING"
        assert await server.health("model/en-de") == "SERVING"
        failure = await failure_of(
            server.stub.TranslateText(TranslateTextRequest(contents=["a"], model="en-fr"))
        )
        assert failure.reason == "MODEL_NOT_FOUND"


async def test_without_any_model_it_is_not_ready() -> None:
    async with several("en-de") as (server, _):
        await server.pool.drop("bundle")
        assert await server.health() == "NOT_SERVING"
        assert await server.health("liveness") == "SERVING"
        failure = await failure_of(server.stub.TranslateText(TranslateTextRequest(contents=["a"])))
        assert failure.reason == "NO_MODEL"


async def test_requests_count_by_model() -> None:
    async with several("en-de", "en-fr") as (server, _):
        for name in ("en-de", "en-fr", "en-fr"):
            await server.stub.TranslateText(TranslateTextRequest(contents=["a"], model=name))
        await failure_of(server.stub.TranslateText(TranslateTextRequest(contents=["a"])))
        total = "dragoman_requests_total"
        assert server.sample(total, code="OK", model="en-de") == 1
        assert server.sample(total, code="OK", model="en-fr") == 2
        assert server.sample(total, code="INVALID_ARGUMENT", model="") == 1
        assert server.sample("dragoman_request_latency_seconds_count", model="en-fr") == 2
        assert server.sample("dragoman_engines", model="en-fr") == 2


async def test_a_call_whose_texts_are_still_read_is_translated_by_the_model_that_it_found() -> None:
    async with several("en-de") as (server, engines):
        texts = ["a b c"] * 1000  # so many that others have turns before all are tokens
        call = server.stub.TranslateText(TranslateTextRequest(contents=texts))
        loader = server.pool._load
        assert isinstance(loader, FakeLoader)
        while not _is_preparing(server):  # noqa: ASYNC110  the call tells nobody
            await asyncio.sleep(0)
        model = manifest("en", "de")
        model.name = "en-de"
        loader.models["bundle"] = model, FakeEngine()
        await server.pool.put(found("bundle", stamp=2))
        assert len(engines["en-de"].texts) == 1000
        answer = await call
        assert {each.model_version for each in answer.translations} == {"1"}


def _is_preparing(server: Running) -> bool:
    front_end = server.application._front_end
    assert isinstance(front_end, FrontEnd)
    return any(each.is_preparing for each in front_end._translators.values())
