"""TranslateText as Google's client asks for it, beside what our own would be told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from dragoman.v1.translation_pb2 import GLOSSARY_MODE_SOFT, TranslateTextRequest
from tests.server.certificates import Authority
from tests.server.interfaces.google_client import PARENT, PROJECT, asked, over, served
from tests.server.service.harness import Running, manifest, overdue, running
from tests.server.service.test_access import KEY, entries, entry

exceptions = pytest.importorskip("google.api_core.exceptions")
rpc = pytest.importorskip("grpc_status.rpc_status")

NMT = f"{PARENT}/models/general/nmt"
Client = tuple[Running, Any]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with served() as both:
        yield both


def request(**fields: Any) -> dict[str, Any]:
    whole = {
        "parent": PARENT,
        "contents": ["a b"],
        "mime_type": "text/plain",
        "source_language_code": "en",
        "target_language_code": "de",
    }
    return whole | fields


@pytest.mark.parametrize("parent", [PROJECT, f"{PROJECT}/locations/global", PARENT])
async def test_texts_are_translated_one_by_one_wherever_they_are_said_to_be(
    client: Client, parent: str
) -> None:
    _, google = client
    contents = ["a b", "", "c"]
    answer = await asked(google.translate_text, request=request(parent=parent, contents=contents))
    assert [each.translated_text for each in answer.translations] == contents
    assert not answer.glossary_translations
    assert not any(each.model or each.detected_language_code for each in answer.translations)


async def test_translations_are_those_of_our_own_interface(client: Client) -> None:
    server, google = client
    texts = ["One two. Three four five six seven eight nine ten.", "a\n\n- b\n", " <b>c</b> d "]
    for mime_type, meant in (("", "text/html"), ("text/html",) * 2, ("text/plain",) * 2):
        asked_for = request(contents=texts, mime_type=mime_type)
        answer = await asked(google.translate_text, request=asked_for)
        native = TranslateTextRequest(
            contents=texts,
            mime_type=meant,
            source_language_code="en",
            target_language_code="de",
        )
        ours = await server.stub.TranslateText(native)
        assert [each.translated_text for each in answer.translations] == [
            each.translated_text for each in ours.translations
        ]


async def test_texts_are_html_where_nobody_says_what_they_are(client: Client) -> None:
    server, google = client
    await asked(google.translate_text, request=request(contents=["<p>a</p>"], mime_type=""))
    assert server.engine.texts[0].source_ids != []
    assert len(server.engine.texts[0].source_ids) == len(["a", "end"])


@pytest.mark.parametrize("model", [NMT, f"{PARENT}/models/tiny", f"{PARENT}/models/tiny@1"])
async def test_models_are_told_where_they_were_asked_for(client: Client, model: str) -> None:
    _, google = client
    answer = await asked(google.translate_text, request=request(model=model))
    assert [each.model for each in answer.translations] == [model]


async def test_a_language_that_nobody_says_is_found_out() -> None:
    contents = manifest(sources="en fr", targets="de")
    async with served(contents=contents, detect_languages=True) as (_, google):
        texts = ["Where is the railway station?", "Où est la gare, s'il vous plaît ?"]
        asked_for = request(contents=texts, source_language_code="")
        answer = await asked(google.translate_text, request=asked_for)
        assert [each.detected_language_code for each in answer.translations] == ["en", "fr"]


async def test_a_glossary_is_answered_beside_what_the_model_says(tmp_path: Path) -> None:
    (tmp_path / "house.tsv").write_text("en\tde\nhouse\tHaus\n")
    name = f"{PARENT}/glossaries/house"
    async with served(glossaries=tmp_path) as (server, google):
        for text, ignore_case, has_term in (
            ("house", False, True),
            ("HOUSE", False, False),
            ("HOUSE", True, True),
        ):
            config = {"glossary": name, "ignore_case": ignore_case}
            asked_for = request(contents=[text], glossary_config=config)
            answer = await asked(google.translate_text, request=asked_for)
            assert [each.translated_text for each in answer.translations] == [text]
            (with_terms,) = answer.glossary_translations
            # The engine of these tests says what it reads, and then what it must.
            assert ("Haus" in with_terms.translated_text) is has_term
            assert with_terms.glossary_config.glossary == name
        assert server.sample("dragoman_interface_requests_total", interface="google") == 3
        assert server.sample("dragoman_requests_total", code="OK") == 3


async def test_terms_are_inflected_where_their_context_is_to_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "house.tsv").write_text("en\tde\nhouse\tHaus\n")
    config = {
        "glossary": f"{PARENT}/glossaries/house",
        "contextual_translation_enabled": True,
    }
    async with served(glossaries=tmp_path) as (server, google):
        await asked(google.translate_text, request=request(glossary_config=config))
        asked_for = request(contents=["house"], glossary_config=config)
        answer = await asked(google.translate_text, request=asked_for)
        native = TranslateTextRequest(contents=["house"])
        native.glossary_config.glossary = "house"
        native.glossary_config.mode = GLOSSARY_MODE_SOFT
        (ours,) = (await server.stub.TranslateText(native)).translations
        (with_terms,) = answer.glossary_translations
        assert with_terms.translated_text == ours.translated_text


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"parent": ""}, "parent", "allowed: projects/PROJECT or"),
        ({"parent": "acme"}, "parent", "'acme'"),
        ({"parent": "projects/a/locations/"}, "parent", "'projects/a/locations/'"),
        ({"parent": f"{PARENT}/glossaries/x"}, "parent", "allowed: projects/PROJECT or"),
        ({"target_language_code": ""}, "target_language_code", "nothing; allowed: the code"),
        ({"contents": []}, "contents", "0 texts; allowed: 1 to"),
        ({"contents": ["a", "b\0"]}, "contents[1]", "a NUL character"),
        ({"mime_type": "text/rtf"}, "mime_type", "'text/rtf'; allowed: 'text/plain' or"),
        ({"model": "nmt"}, "model", "'nmt'; allowed: empty, projects"),
        ({"model": f"{PARENT}/models/general/translation-llm"}, "model", "general/nmt or"),
        ({"glossary_config": {"glossary": "house"}}, "glossary_config.glossary", "glossaries/NAME"),
        ({"labels": {"Team": "a"}}, "labels", "'Team': 'a'; allowed: keys and values"),
        ({"labels": {"1": "a"}}, "labels", "begin with a letter"),
        ({"labels": {"a": "b" * 64}}, "labels", "at most 63"),
        ({"labels": {f"a{n}": "" for n in range(65)}}, "labels", "65 of them; allowed: at most 64"),
    ],
)
async def test_what_is_wrong_is_named_with_what_is_allowed(
    client: Client, fields: dict[str, Any], field: str, said: str
) -> None:
    server, google = client
    with pytest.raises(exceptions.InvalidArgument, match="allowed: ") as refused:
        await asked(google.translate_text, request=request(**fields))
    assert said in refused.value.message
    (violation,) = refused.value.details[1].field_violations
    assert violation.field == field
    assert refused.value.domain == "dragoman"
    assert not server.engine.texts


async def test_labels_as_google_wants_them_are_taken(client: Client) -> None:
    _, google = client
    labels = {"team": "", "größe": "x-1_2", "a" * 63: "b" * 63}
    answer = await asked(google.translate_text, request=request(labels=labels))
    assert len(answer.translations) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"target_language_code": "fr"}, "LANGUAGE_PAIR_NOT_FOUND"),
        ({"model": f"{PARENT}/models/huge"}, "MODEL_NOT_FOUND"),
        (
            {"glossary_config": {"glossary": f"{PARENT}/glossaries/none"}},
            "GLOSSARY_NOT_FOUND",
        ),
    ],
)
async def test_what_is_not_there_is_not_found(
    client: Client, fields: dict[str, Any], reason: str
) -> None:
    _, google = client
    with pytest.raises(exceptions.NotFound) as refused:
        await asked(google.translate_text, request=request(**fields))
    assert refused.value.reason == reason


async def test_other_letters_are_not_read(client: Client) -> None:
    _, google = client
    config = {"enable_transliteration": True}
    with pytest.raises(exceptions.MethodNotImplemented, match="transliteration_config: no model"):
        await asked(google.translate_text, request=request(transliteration_config=config))
    await asked(google.translate_text, request=request(transliteration_config={}))


async def test_a_call_has_its_deadline(client: Client) -> None:
    server, google = client
    server.engine.echo = False
    with pytest.raises(exceptions.DeadlineExceeded):
        await asked(google.translate_text, request=request(), timeout=0.2)
    await server.engine.until(lambda: all(each.future.done() for each in server.engine.texts))


async def test_a_full_server_says_when_to_try_again(client: Client) -> None:
    server, google = client
    server.engine.room = 0
    with pytest.raises(exceptions.ResourceExhausted) as refused:
        await asked(google.translate_text, request=request())
    assert refused.value.reason == "QUEUE_FULL"
    assert refused.value.details[1].retry_delay.nanos == 250_000_000


async def test_both_translations_of_a_glossary_end_with_their_call(tmp_path: Path) -> None:
    (tmp_path / "house.tsv").write_text("en\tde\nhouse\tHaus\n")
    config = {"glossary": f"{PARENT}/glossaries/house"}
    async with served(glossaries=tmp_path) as (server, google):
        server.engine.echo = False
        asked_for = request(contents=["house"], glossary_config=config)
        error = await overdue(
            server.engine,
            lambda seconds: asked(google.translate_text, request=asked_for, timeout=seconds),
            texts=2,
        )
        assert isinstance(error, exceptions.DeadlineExceeded)
        await server.engine.until(lambda: all(each.future.done() for each in server.engine.texts))


async def test_callers_need_what_every_call_needs() -> None:
    limited = entry(texts_per_second=0.001, burst_seconds=3000.0)
    async with served(api_key_entries=entries(limited)) as (server, google):
        with pytest.raises(exceptions.Unauthenticated):
            await asked(google.translate_text, request=request())
        known = [("authorization", f"Bearer {KEY}")]
        await asked(google.translate_text, request=request(contents=["a"] * 3), metadata=known)
        with pytest.raises(exceptions.ResourceExhausted) as refused:
            await asked(google.translate_text, request=request(), metadata=known)
        assert refused.value.reason == "RATE_LIMITED"
        ended = "dragoman_caller_requests_total"
        assert server.sample(ended, caller="acme", code="OK") == 1


async def test_a_glossary_is_charged_as_the_two_translations_that_it_is(tmp_path: Path) -> None:
    (tmp_path / "house.tsv").write_text("en\tde\nhouse\tHaus\n")
    limited = entry(texts_per_second=0.001, burst_seconds=2000.0)
    config = {"glossary": f"{PARENT}/glossaries/house"}
    known = [("authorization", f"Bearer {KEY}")]
    async with served(glossaries=tmp_path, api_key_entries=entries(limited)) as (_, google):
        asked_for = request(contents=["house"], glossary_config=config)
        await asked(google.translate_text, request=asked_for, metadata=known)
        with pytest.raises(exceptions.ResourceExhausted):
            await asked(google.translate_text, request=request(), metadata=known)


async def test_a_caller_who_may_not_translate_may_not_this_way() -> None:
    known = [("authorization", f"Bearer {KEY}")]
    async with served(api_key_entries=entries(entry(methods=["ListModels"]))) as (_, google):
        with pytest.raises(exceptions.PermissionDenied):
            await asked(google.translate_text, request=request(), metadata=known)


async def test_who_does_not_ask_for_it_does_not_have_it() -> None:
    async with running() as server:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = server.channel.unary_unary(
            "/google.cloud.translation.v3.TranslationService/TranslateText"
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(b"")
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_over_tls_a_key_is_the_token_that_google_gives(tmp_path: Path) -> None:
    authority = Authority()
    files = {"tls_certificate": tmp_path / "server.pem", "tls_private_key": tmp_path / "server.key"}
    authority.sign_server().write(files["tls_certificate"], files["tls_private_key"])
    async with served(api_key_entries=entries(entry()), **files) as (server, _):
        credentials = grpc.composite_channel_credentials(
            grpc.ssl_channel_credentials(authority.certificate),
            grpc.access_token_call_credentials(KEY),
        )
        address = f"127.0.0.1:{server.application.port}"
        google = over(grpc.secure_channel(address, credentials))
        answer = await asked(google.translate_text, request=request())
        assert answer.translations[0].translated_text == "a b"
        google.transport.close()
