"""DeepL's own client against this server, with its address changed and nothing else."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dragoman.v1.translation_pb2 import SEGMENTATION_NONE, TranslateTextRequest
from dragoman_server.errors import QueueFullError
from tests.server.service.harness import Running, manifest
from tests.server.service.test_access import KEY, entries, entry

pytest.importorskip("starlette")
deepl = pytest.importorskip("deepl")
http_served = pytest.importorskip("tests.server.interfaces.http_served")

asked, get, post = http_served.asked, http_served.get, http_served.post
FORM, speaking_http = http_served.FORM, http_served.speaking_http


@pytest.fixture(autouse=True)
def no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client would try for half a minute."""
    monkeypatch.setattr("deepl.http_client.max_network_retries", 0)


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    async with speaking_http() as server:
        yield server


def client(server: Running, key: str = "none") -> Any:
    return deepl.DeepLClient(key, server_url=http_served.url_of(server))


async def test_texts_are_translated(server: Running) -> None:
    translate = client(server).translate_text
    one, two = await asked(translate, ["a b", "ç"], source_lang="EN", target_lang="DE")
    assert (one.text, two.text) == ("a b", "ç")
    assert (one.detected_source_lang, two.billed_characters) == ("EN", 1)
    requests = {"interface": "deepl", "code": "OK"}
    assert server.sample("dragoman_interface_requests_total", **requests) == 1


async def test_a_source_that_is_the_only_one_is_told(server: Running) -> None:
    answer = await asked(client(server).translate_text, "a", target_lang="DE")
    assert answer.detected_source_lang == "EN"


async def test_a_source_that_is_found_out_is_told() -> None:
    pytest.importorskip("eldc")
    text = "Das ist ein Satz in deutscher Sprache, den niemand angekündigt hat."
    async with speaking_http(manifest("de fr", "en"), detect_languages=True) as server:
        answer = await asked(client(server).translate_text, text, target_lang="EN-US")
        assert answer.detected_source_lang == "DE"


async def test_regions_of_targets_do_not_matter(server: Running) -> None:
    request = b"text=a&text=b+c&target_lang=DE-AT"
    answer = await post(server, "/v2/translate", request, FORM)
    assert [each["text"] for each in answer.body["translations"]] == ["a", "b c"]


@pytest.mark.parametrize("handling", ["html", "xml"])
async def test_markup_stays(server: Running, handling: str) -> None:
    answer = await asked(
        client(server).translate_text, "<p>a</p>", target_lang="DE", tag_handling=handling
    )
    assert answer.text == "<p>a</p>"


async def test_sentences_are_split_unless_told_otherwise(server: Running) -> None:
    text = "One two.\nThree four."
    translate = client(server).translate_text
    await asked(translate, text, target_lang="DE")
    assert len(server.engine.texts) == 2
    await asked(translate, text, target_lang="DE", split_sentences="0")
    assert len(server.engine.texts) == 3


async def test_translations_are_those_of_the_native_call(server: Running) -> None:
    texts = ["One two.  Three\n\n* four", "", "  a "]
    native = await server.stub.TranslateText(TranslateTextRequest(contents=texts))
    answers = await asked(client(server).translate_text, texts, target_lang="DE")
    assert [each.text for each in answers] == [each.translated_text for each in native.translations]
    each = [(one.source_ids, one.options) for one in server.engine.texts]
    assert each == each[: len(each) // 2] * 2
    whole = TranslateTextRequest(contents=["a. b"], segmentation=SEGMENTATION_NONE)
    native = await server.stub.TranslateText(whole)
    answer = await asked(
        client(server).translate_text, "a. b", target_lang="DE", split_sentences="0"
    )
    assert answer.text == native.translations[0].translated_text


async def test_a_glossary_of_the_server_is_used(tmp_path: Path) -> None:
    (tmp_path / "ships.tsv").write_text("en\tde\nship\tBoot\n")
    async with speaking_http(glossaries=tmp_path) as server:
        answer = await asked(
            client(server).translate_text,
            "ship",
            source_lang="EN",
            target_lang="DE",
            glossary="ships",
        )
        assert "Boot" in answer.text
        with pytest.raises(deepl.DeepLException, match="'boats'"):
            await asked(
                client(server).translate_text,
                "ship",
                source_lang="EN",
                target_lang="DE",
                glossary="boats",
            )


async def test_languages_are_listed_as_its_clients_ask_for_them() -> None:
    async with speaking_http(manifest("de pt", "en fr")) as server:
        sources = await asked(client(server).get_source_languages)
        assert [(each.code, each.name) for each in sources] == [
            ("DE", "German"),
            ("PT", "Portuguese"),
        ]
        targets = await asked(client(server).get_target_languages)
        assert [each.code for each in targets] == ["EN-GB", "EN-US", "FR"]
        assert not any(each.supports_formality for each in targets)


async def test_no_usage_is_told_as_none_is_limited(server: Running) -> None:
    usage = await asked(client(server).get_usage)
    assert not usage.any_limit_reached
    assert not usage.character.valid


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text": None}, "text is not given"),
        ({"target_lang": None}, "target_lang is not given"),
        ({"target_lang": "FR"}, "FR"),
        ({"formality": "more"}, "formality is 'more'; allowed: default or prefer_more"),
        ({"split_sentences": "nonewlines"}, "nonewlines with tag_handling"),
        ({"ignore_tags": ["x"]}, "ignore_tags is given; allowed: nothing, as an element stays"),
        ({"style_id": "x"}, "there are no styles"),
    ],
)
async def test_what_cannot_be_done_is_told(
    server: Running, fields: dict[str, Any], message: str
) -> None:
    answer = await post(server, "/v2/translate", {"text": ["a"], "target_lang": "DE"} | fields)
    assert answer.status in (400, 404)
    assert message in answer.body["message"]


async def test_documents_and_new_glossaries_say_why_they_are_missing(
    server: Running, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a")
    translate = client(server).translate_document_from_filepath
    with pytest.raises(deepl.DeepLException, match="dragoman translate --document"):
        await asked(translate, path, tmp_path / "b.txt", target_lang="DE")
    with pytest.raises(deepl.DeepLException, match="glossary_id is the name of one"):
        await asked(client(server).create_glossary, "a", "EN", "DE", {"a": "b"})
    with pytest.raises(deepl.DeepLException, match="glossary_id is the name of one"):
        await asked(client(server).list_glossaries)


async def test_overload_is_too_many_requests(server: Running) -> None:
    server.engine.is_at_ease = False
    server.engine.refusal = QueueFullError("the queue is full", retry_after_seconds=0.2)
    with pytest.raises(deepl.TooManyRequestsException, match="the queue is full"):
        await asked(client(server).translate_text, "a", target_lang="DE")


async def test_a_key_is_asked_for_as_for_every_call() -> None:
    async with speaking_http(api_key_entries=entries(entry())) as server:
        with pytest.raises(deepl.AuthorizationException):
            await asked(client(server).translate_text, "a", target_lang="DE")
        with pytest.raises(deepl.AuthorizationException):
            await asked(client(server).get_usage)
        answer = await asked(client(server, KEY).translate_text, "a", target_lang="DE")
        assert answer.text == "a"


async def test_a_caller_that_may_not_list_models_is_translated_for_all_the_same() -> None:
    allowed = entries(entry(methods=["TranslateText"]))
    async with speaking_http(api_key_entries=allowed) as server:
        answer = await asked(client(server, KEY).translate_text, "a", target_lang="DE")
        assert (answer.text, answer.detected_source_lang) == ("a", "")


async def test_a_deadline_is_kept(server: Running) -> None:
    server.engine.echo = False
    headers = {"content-type": "application/json", "x-request-timeout": "0.05"}
    answer = await post(server, "/v2/translate", {"text": ["a"], "target_lang": "DE"}, headers)
    assert answer.status == 504
    await server.engine.all_cancelled()


async def test_paths_that_nobody_has_are_told_in_its_words(server: Running) -> None:
    answer = await get(server, "/v2/translate")
    assert answer.status == 405
    answer = await get(server, "/v2/nothing")
    assert answer.status == 404
    assert "Not Found" in answer.body["message"]
