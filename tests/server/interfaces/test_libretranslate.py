"""LibreTranslate's own client against this server, with its address changed and nothing else."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.error import HTTPError

import pytest

from dragoman.v1.translation_pb2 import TranslateTextRequest
from dragoman_server.errors import QueueFullError
from tests.server.service.harness import Running, manifest
from tests.server.service.test_access import KEY, entries, entry

pytest.importorskip("starlette")
libretranslatepy = pytest.importorskip("libretranslatepy")
http_served = pytest.importorskip("tests.server.interfaces.http_served")

asked, get, post = http_served.asked, http_served.get, http_served.post
FORM, speaking_http = http_served.FORM, http_served.speaking_http


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    async with speaking_http() as server:
        yield server


def client(server: Running, key: str | None = None) -> Any:
    return libretranslatepy.LibreTranslateAPI(http_served.url_of(server), key)


async def test_a_text_is_translated(server: Running) -> None:
    assert await asked(client(server).translate, "größer & kleiner", "en", "de") == (
        "größer & kleiner"
    )
    requests = {"interface": "libretranslate", "code": "OK"}
    assert server.sample("dragoman_interface_requests_total", **requests) == 1


async def test_languages_have_names_and_targets(server: Running) -> None:
    assert await asked(client(server).languages) == [
        {"code": "en", "name": "English", "targets": ["de"]}
    ]


async def test_a_text_in_any_language_is_translated_and_its_language_told() -> None:
    pytest.importorskip("eldc")
    text = "Das ist ein Satz in deutscher Sprache, den niemand angekündigt hat."
    async with speaking_http(manifest("de fr", "en"), detect_languages=True) as server:
        assert await asked(client(server).translate, text, "auto", "en") == text
        answer = await post(server, "/translate", {"q": [text], "source": "auto", "target": "en"})
        (found,) = answer.body["detectedLanguage"]
        assert found["language"] == "de"
        assert 50 <= found["confidence"] <= 100
        best, *_ = await asked(client(server).detect, text)
        assert best["language"] == "de"
        assert 50 <= best["confidence"] <= 100


async def test_lists_are_answered_with_lists(server: Running) -> None:
    answer = await post(server, "/translate", {"q": ["a", "b c"], "source": "en", "target": "de"})
    assert answer.body == {"translatedText": ["a", "b c"]}


async def test_forms_are_read(server: Running) -> None:
    body = b"q=a+b&source=en&target=de&format=text"
    answer = await post(server, "/translate", body, FORM)
    assert answer.body == {"translatedText": "a b"}


async def test_html_keeps_its_elements(server: Running) -> None:
    request = {"q": "<p>a</p>", "source": "en", "target": "de", "format": "html"}
    answer = await post(server, "/translate", request)
    assert answer.body == {"translatedText": "<p>a</p>"}


async def test_alternatives_are_hypotheses_of_a_beam(server: Running) -> None:
    request = {"q": "a", "source": "en", "target": "de", "alternatives": 2}
    answer = await post(server, "/translate", request)
    (text,) = server.engine.texts
    assert (text.options.num_hypotheses, text.options.beam_size) == (3, 4)
    assert answer.body["alternatives"] == []  # the engine of these tests has none


async def test_translations_are_those_of_the_native_call(server: Running) -> None:
    texts = ["One two.  Three\n\n* four", "", "  a "]
    request = TranslateTextRequest(
        contents=texts, source_language_code="en", target_language_code="de"
    )
    native = await server.stub.TranslateText(request)
    answer = await post(server, "/translate", {"q": texts, "source": "en", "target": "de"})
    told = [each.translated_text for each in native.translations]
    assert answer.body["translatedText"] == told
    ours, theirs = server.engine.texts[: len(server.engine.texts) // 2], server.engine.texts
    assert [(each.source_ids, each.options) for each in ours] * 2 == [
        (each.source_ids, each.options) for each in theirs
    ]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"source": "en", "target": "de"}, "q is not given; allowed: a text, or a list of texts"),
        ({"q": 1, "source": "en", "target": "de"}, "q is '1'; allowed: a text"),
        ({"q": "a", "source": "en"}, "target is not given; allowed: a text"),
        ({"q": "a", "source": "en", "target": "de", "format": "rtf"}, "format is 'rtf'; allowed"),
        ({"q": "a", "source": "en", "target": "de", "alternatives": 99}, "allowed: 0 to 15"),
        ({"q": "a", "source": "en", "target": "fr"}, "fr"),
        ({"q": [], "source": "en", "target": "de"}, "contents"),
        ({"q": "\ud800", "source": "en", "target": "de"}, "surrogate"),
    ],
)
async def test_what_cannot_be_answered_is_told(
    server: Running, request_: dict[str, Any], message: str
) -> None:
    answer = await post(server, "/translate", request_)
    assert answer.status == 400
    assert message in answer.body["error"]


async def test_overload_says_when_to_try_again(server: Running) -> None:
    server.engine.is_at_ease = False
    server.engine.refusal = QueueFullError("the queue is full", retry_after_seconds=2.4)
    answer = await post(server, "/translate", {"q": "a", "source": "en", "target": "de"})
    assert (answer.status, answer.headers["retry-after"]) == (429, "3")
    assert answer.body == {"error": "the queue is full"}


async def test_a_key_is_asked_for_as_for_every_call() -> None:
    async with speaking_http(api_key_entries=entries(entry())) as server:
        with pytest.raises(HTTPError) as refused:
            await asked(client(server).translate, "a", "en", "de")
        assert refused.value.code == 403
        refused.value.close()
        assert await asked(client(server, KEY).translate, "a", "en", "de") == "a"
        assert await asked(client(server, KEY).languages)
        count = server.sample("dragoman_caller_requests_total", caller="acme", code="OK")
        assert count == 2


async def test_settings_say_that_a_key_is_needed_to_those_who_have_none() -> None:
    async with speaking_http(api_key_entries=entries(entry())) as server:
        settings = (await get(server, "/frontend/settings")).body
        assert settings["keyRequired"] is True
        assert settings["language"]["target"]["code"] == "auto"


async def test_settings_say_what_there_is(server: Running) -> None:
    settings = (await get(server, "/frontend/settings")).body
    assert settings["charLimit"] == 30_000
    assert settings["keyRequired"] is False
    assert settings["language"]["target"] == {"code": "de", "name": "German"}


@pytest.mark.parametrize("path", ["/suggest", "/translate_file"])
async def test_what_is_missing_says_why(server: Running, path: str) -> None:
    answer = await post(server, path, b"anything", {"content-type": "multipart/form-data"})
    assert answer.status == 403
    assert "files" in answer.body["error"] or "suggestions" in answer.body["error"]
