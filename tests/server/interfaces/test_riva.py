"""NVIDIA's own client against this server, with its address changed and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest

from tests.server.service.harness import Running, running
from tests.server.service.test_access import KEY, entries, entry

riva = pytest.importorskip("riva.client")
riva_nmt_pb2 = pytest.importorskip("riva.client.proto.riva_nmt_pb2")
ours = pytest.importorskip("dragoman_server.interfaces.riva").ours


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    async with running(interfaces="riva") as server:
        server.engine.echo = True
        yield server


def client(server: Running, *metadata: tuple[str, str]) -> Any:
    auth = riva.Auth(
        uri=f"127.0.0.1:{server.application.port}", metadata_args=[list(each) for each in metadata]
    )
    return riva.NeuralMachineTranslationClient(auth)


async def asked(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Calls a client that blocks."""
    return await asyncio.to_thread(call, *arguments, **options)


async def test_texts_are_translated_one_by_one(server: Running) -> None:
    answer = await asked(client(server).translate, ["a b", "c"], "", "en", "de")
    assert [each.text for each in answer.translations] == ["a b", "c"]
    assert {each.language for each in answer.translations} == {"de"}


async def test_regions_do_not_matter(server: Running) -> None:
    answer = await asked(client(server).translate, ["a"], "tiny", "en-US", "de-DE")
    assert answer.translations[0].text == "a"


async def test_models_are_listed_with_their_languages(server: Running) -> None:
    pairs = (await asked(client(server).get_config, "")).languages
    assert {name: (*pair.src_lang, *pair.tgt_lang) for name, pair in pairs.items()} == {
        "tiny": ("en", "de")
    }


async def test_phrases_are_kept_or_said_as_asked(server: Running) -> None:
    phrases = {"Dragoman": "", "ship": "Boot"}
    answer = await asked(
        client(server).translate, ["Dragoman ship"], "", "en", "de", dnt_phrases_dict=phrases
    )
    # The engine of these tests says what it reads, and then what it must.
    assert {"Dragoman", "Boot"} <= set(answer.translations[0].text.split())


async def test_tags_are_gone(server: Running) -> None:
    answer = await asked(client(server).translate, ["a <dnt>b c</dnt> d"], "", "en", "de")
    assert answer.translations[0].text == "a b c d"


def test_what_stands_in_tags_is_kept_as_phrases_are() -> None:
    texts = ["a <dnt>b c</dnt> d", "<dnt>e</dnt><dnt></dnt>"]
    request = ours(riva_nmt_pb2.TranslateTextRequest(texts=texts, dnt_phrases=["f##g,h", "i"]))
    assert list(request.contents) == ["a b c d", "e"]
    assert list(request.dnt_phrases) == ["b c", "e", "h", "i"]
    assert [(each.source_term, each.target_term) for each in request.glossary_config.entries] == [
        ("f", "g")
    ]


def test_tags_without_an_end_keep_nobody_waiting() -> None:
    text = "<dnt>" * 200_000
    began = time.process_time()
    request = ours(riva_nmt_pb2.TranslateTextRequest(texts=[text, "</dnt>a<dnt>b</dnt>" * 50_000]))
    assert time.process_time() - began < 10  # it is 0.04; what grows with the square takes minutes
    assert list(request.contents) == [text, "</dnt>ab" * 50_000]
    assert list(request.dnt_phrases) == ["b"]


async def test_no_variation_of_length_cuts_a_translation(server: Running) -> None:
    translate = client(server).translate
    answer = await asked(translate, ["a b c"], "", "en", "de", max_len_variation="0")
    assert answer.translations[0].text == "a b c"
    with pytest.raises(grpc.RpcError) as refused:
        await asked(translate, ["a"], "", "en", "de", max_len_variation="far")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "max_len_variation is 'far'; allowed: empty, or a number" in str(refused.value.details())


async def test_errors_are_those_of_the_server(server: Running) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        await asked(client(server).translate, ["a"], "", "en", "fr")
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert server.sample("dragoman_interface_requests_total", interface="riva") == 1
    assert server.sample("dragoman_requests_total", code="NOT_FOUND") == 1


async def test_speech_is_not_there(server: Running) -> None:
    calls = client(server).stub.StreamingTranslateSpeechToText(iter([]))
    with pytest.raises(grpc.RpcError) as refused:
        await asked(list, calls)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_callers_need_a_key_as_for_every_call() -> None:
    async with running(interfaces="riva", api_key_entries=entries(entry())) as server:
        server.engine.echo = True
        with pytest.raises(grpc.RpcError) as refused:
            await asked(client(server).translate, ["a"], "", "en", "de")
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        known = client(server, ("authorization", f"Bearer {KEY}"))
        answer = await asked(known.translate, ["a"], "", "en", "de")
        assert answer.translations[0].text == "a"
        code = server.sample("dragoman_caller_requests_total", caller="acme", code="OK")
        assert code == 1


async def test_who_does_not_ask_for_it_does_not_have_it() -> None:
    async with running() as server:
        with pytest.raises(grpc.RpcError) as refused:
            await asked(client(server).translate, ["a"], "", "en", "de")
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
