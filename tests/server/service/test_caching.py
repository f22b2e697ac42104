"""Servers that keep translations: which requests get one of before, and whose."""

from pathlib import Path

import grpc
import pytest
import yaml
from grpc import aio

from dragoman.v1.translation_pb2 import (
    GUARD_WARN,
    SEGMENTATION_NONE,
    DecodingOptions,
    GlossaryConfig,
    GlossaryEntry,
    StreamTranslateTextRequest,
    TranslateTextRequest,
)
from dragoman_server.access.keys import hash_of, new_key
from dragoman_server.service import SentenceCache, Translator
from dragoman_server.service.caching import CachingTranslator
from dragoman_server.terminology import Shelf
from tests.server.service.fakes import FakeEngine, FakeTokenizer
from tests.server.service.harness import (
    Running,
    failure_of,
    found,
    make_config,
    make_setup,
    manifest,
    read,
    running,
)
from tests.server.service.test_detecting import ENGLISH, GERMAN, serving

HITS, MISSES = "dragoman_cache_hits_total", "dragoman_cache_misses_total"


def request(*contents: str, **fields: object) -> TranslateTextRequest:
    return TranslateTextRequest(contents=contents, **fields)  # type: ignore[arg-type]


async def translated(server: Running, *contents: str, **fields: object) -> list[str]:
    answer = await server.stub.TranslateText(request(*contents, **fields))
    return [each.translated_text for each in answer.translations]


async def test_a_text_that_comes_again_is_not_translated_again() -> None:
    async with running(cache_bytes=10_000) as server:
        server.engine.echo = True
        first = await server.stub.TranslateText(request("a b", "c"))
        again = await server.stub.TranslateText(request("c", "d", "a b"))
        assert [each.translated_text for each in again.translations] == ["c", "d", "a b"]
        assert again.translations[2] == first.translations[0]
        assert len(server.engine.texts) == 3
        assert await translated(server, "d", "d", "c") == ["d", "d", "c"]
        assert len(server.engine.texts) == 3
        assert (server.sample(HITS, model="tiny"), server.sample(MISSES, model="tiny")) == (5, 3)
        assert 0 < server.sample("dragoman_cache_bytes") <= 10_000
        assert server.sample("dragoman_requests_total", code="OK", model="tiny") == 3


async def test_it_is_off_unless_asked_for() -> None:
    async with running() as server:
        server.engine.echo = True
        for _ in range(2):
            await translated(server, "a")
        assert len(server.engine.texts) == 2
        assert server.sample(MISSES) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"skip_cache": True},
        {"options": DecodingOptions(sampling_topk=5)},
        {"options": DecodingOptions(sampling_topk=5, seed=1)},
        {"options": DecodingOptions(beam_size=2)},
        {"options": DecodingOptions(target_prefix="b")},
        {"options": DecodingOptions(return_token_scores=True)},
        {"source_language_code": "en"},
        {"target_language_code": "de"},
        {"model": "tiny"},
        {"protect_placeholders": True},
        {"dnt_phrases": ["a"]},
        {"guard": GUARD_WARN},
        {
            "glossary_config": GlossaryConfig(
                entries=[GlossaryEntry(source_term="a", target_term="a")]
            )
        },
    ],
)
async def test_what_is_asked_otherwise_or_must_be_new_is_translated(
    fields: dict[str, object],
) -> None:
    async with running(cache_bytes=10_000) as server:
        server.engine.echo = True
        await translated(server, "a")
        await translated(server, "a", **fields)
        assert len(server.engine.texts) == 2


async def test_how_urgent_a_text_is_makes_no_difference() -> None:
    async with running(cache_bytes=10_000) as server:
        server.engine.echo = True
        for priority in (0, 1, 2):
            await translated(server, "a", priority=priority)
        assert len(server.engine.texts) == 1


async def test_callers_never_get_what_others_left() -> None:
    keys = {name: new_key() for name in ("one", "other")}
    entries = [
        {"name": name, "sha256": hash_of(key), "methods": ["*"], "models": ["*"]}
        for name, key in keys.items()
    ]
    async with running(cache_bytes=10_000, api_key_entries=yaml.safe_dump(entries)) as server:
        server.engine.echo = True
        for key in (*keys.values(), *keys.values()):
            call = server.stub.TranslateText(request("a"), metadata=(("x-api-key", key),))
            assert (await call).translations[0].translated_text == "a"
        assert len(server.engine.texts) == 2


async def test_where_nobody_says_who_calls_a_connection_is_a_caller() -> None:
    async with running(cache_bytes=10_000) as server:
        server.engine.echo = True
        await translated(server, "a")
        address = f"127.0.0.1:{server.application.port}"
        own = [("grpc.use_local_subchannel_pool", 1)]
        async with aio.insecure_channel(address, own) as channel:
            await translated(
                Running(server.application, server.engine, server.metrics, channel), "a"
            )
        assert len(server.engine.texts) == 2


async def test_another_version_translates_anew() -> None:
    async with running(cache_bytes=10_000) as server:
        server.engine.echo = True
        await translated(server, "a")
        await server.pool.put(found("bundle", stamp=2))
        assert server.sample("dragoman_cache_bytes") == 0
        answer = await server.stub.TranslateText(request("a"))
        assert answer.translations[0].model_version == "2"
        assert len(server.engine.texts) == 2


async def test_texts_of_streams_are_kept_too_and_come_without_partial_texts() -> None:
    async with running(cache_bytes=10_000) as server:
        call = server.stub.StreamTranslateText()
        asked = StreamTranslateTextRequest(id="1", content="a b", partial_results=True)
        await call.write(asked)
        (text,) = await server.engine.has_texts(1)
        text.partial(1)
        assert (await read(call)).partial_text == "a"
        text.finish()
        first = await read(call)
        asked.id = "2"
        await call.write(asked)
        again = await read(call)
        assert again.translation == first.translation
        assert len(server.engine.texts) == 1
        # Calls have keys of their own.
        server.engine.echo = True
        await translated(server, "a b")
        assert len(server.engine.texts) == 2


async def test_what_fails_is_not_kept_and_is_named_by_its_place() -> None:
    async with running(cache_bytes=10_000) as server:
        server.engine.echo = True
        await translated(server, "a")
        for _ in range(2):
            asked = request("a", "b " * 50, segmentation=SEGMENTATION_NONE)
            failure = await failure_of(server.stub.TranslateText(asked))
            assert failure.reason == "TEXT_TOO_LONG"
            assert list(failure.fields) == ["contents[1]"]
        failure = await failure_of(server.stub.TranslateText(request(*["a"] * 2000)))
        assert failure.reason == "TOO_MANY_CONTENTS"
        failure = await failure_of(server.stub.TranslateText(request()))
        assert failure.code == grpc.StatusCode.INVALID_ARGUMENT


async def test_texts_whose_language_is_found_out_are_kept_by_it() -> None:
    async with serving("en-it", "de-it", cache_bytes=10_000) as (server, engines):
        asked = request(GERMAN, ENGLISH, target_language_code="it")
        first = await server.stub.TranslateText(asked)
        assert await server.stub.TranslateText(asked) == first
        assert [len(engine.texts) for engine in engines.values()] == [1, 1]


async def test_a_translation_with_a_warning_is_not_kept() -> None:
    async with running(cache_bytes=10_000) as server:
        server.engine.echo = True
        asked = request("b " * 50)  # more than the model takes
        first = await server.stub.TranslateText(asked)
        assert first.translations[0].warnings
        count = len(server.engine.texts)
        assert await server.stub.TranslateText(asked) == first
        assert len(server.engine.texts) == 2 * count


async def test_what_is_kept_is_bounded() -> None:
    async with running(cache_bytes=10_000) as server:
        server.engine.echo = True
        for number in range(50):
            await translated(server, f"text {number}")
        assert server.sample("dragoman_cache_evictions_total") > 0
        assert server.sample("dragoman_cache_bytes") <= 10_000


async def test_a_glossary_that_changes_has_other_translations(tmp_path: Path) -> None:
    path = tmp_path / "house.tsv"
    path.write_text("en\tde\nhouse\tHaus\n")
    shelf, engine, setup = Shelf(tmp_path), FakeEngine(), make_setup(make_config(), manifest())
    engine.echo = True
    translator = Translator(setup.manifest, setup.model, FakeTokenizer(), engine, shelf=shelf)
    cache = SentenceCache(10_000, lambda _: None)
    cache.serve([translator])
    caching = CachingTranslator(cache, translator)
    config = GlossaryConfig(glossary="house")
    asked = request("the house Haus Gebäude", glossary_config=config)
    stream = StreamTranslateTextRequest(content=asked.contents[0], glossary_config=config)

    async def decoded() -> int:
        before = len(engine.texts)
        await caching.translate_texts(asked)
        await caching.translate_text(stream)
        return len(engine.texts) - before

    assert await decoded() > 0
    assert await decoded() == 0
    path.write_text("en\tde\nhouse\tGebäude\n")
    for _ in range(2):  # it is read once it no longer changes
        shelf.look()
    assert await decoded() > 0
