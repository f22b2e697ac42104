"""Languages as Google's client asks for them, and what of its service is not here."""

import re
from pathlib import Path
from typing import Any

import langcodes
import pytest

import dragoman_server
from tests.server.interfaces.google_client import PARENT, asked, served, transports
from tests.server.service.harness import Running, manifest
from tests.server.service.test_access import KEY, entries, entry

IMPORT = re.compile(r"^\s*(?:from|import) google\.cloud", re.MULTILINE)

exceptions = pytest.importorskip("google.api_core.exceptions")
REASONS = pytest.importorskip("dragoman_server.interfaces.google.refused").REASONS


async def test_the_language_of_a_text_is_found_out() -> None:
    async with served(detect_languages=True) as (server, google):
        for content, mime_type, code in (
            ("Wo ist der Bahnhof, bitte?", "text/plain", "de"),
            ("<p>Wo ist der Bahnhof, bitte?</p>", "", "de"),
            ("12:30", "text/plain", "und"),
        ):
            answer = await asked(
                google.detect_language, parent=PARENT, content=content, mime_type=mime_type
            )
            (found,) = answer.languages
            assert found.language_code == code
            assert (found.confidence > 0.5) is (code != "und")
        assert server.sample("dragoman_interface_requests_total", interface="google") == 3


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"model": f"{PARENT}/models/tiny"}, "model"),
        ({"parent": "acme"}, "parent"),
        ({"content": None}, "content"),
        ({"mime_type": "text/rtf"}, "mime_type"),
        ({"labels": {"A": ""}}, "labels"),
    ],
)
async def test_what_is_wrong_about_a_text_to_look_at_is_named(
    fields: dict[str, Any], field: str
) -> None:
    asked_for = {"parent": PARENT, "content": "a"} | fields
    async with served(detect_languages=True) as (_, google):
        with pytest.raises(exceptions.InvalidArgument) as refused:
            await asked(google.detect_language, request=asked_for)
        assert refused.value.details[1].field_violations[0].field == field


async def test_a_server_that_does_not_look_for_languages_says_so() -> None:
    async with served() as (_, google):
        with pytest.raises(exceptions.FailedPrecondition, match="detect_languages"):
            await asked(google.detect_language, parent=PARENT, content="a")
        model = f"{PARENT}/models/language-detection/default"
        with pytest.raises(exceptions.FailedPrecondition, match="detect_languages"):
            await asked(google.detect_language, parent=PARENT, content="a", model=model)


async def languages(google: Any, **fields: Any) -> list[tuple[str, str, bool, bool]]:
    answer = await asked(google.get_supported_languages, request={"parent": PARENT, **fields})
    return [
        (each.language_code, each.display_name, each.support_source, each.support_target)
        for each in answer.languages
    ]


async def test_languages_are_those_of_the_models_with_names_in_any_language() -> None:
    async with served(contents=manifest("en fr", "de fr")) as (_, google):
        plain = [("de", "", False, True), ("en", "", True, False), ("fr", "", True, True)]
        assert await languages(google) == plain
        assert await languages(google, model=f"{PARENT}/models/general/nmt") == plain
        assert await languages(google, model=f"{PARENT}/models/tiny@1") == plain
        named = await languages(google, display_language_code="de", model=f"{PARENT}/models/tiny")
        assert [name for _, name, *_ in named] == ["Deutsch", "Englisch", "Französisch"]


async def test_a_model_or_a_language_that_is_not_there_is_refused() -> None:
    async with served() as (_, google):
        with pytest.raises(exceptions.NotFound, match="no model"):
            await languages(google, model=f"{PARENT}/models/huge")
        for code in ("not a language", "x" * 40):
            with pytest.raises(exceptions.InvalidArgument, match="the code of a language"):
                await languages(google, display_language_code=code)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("de-AT", "Englisch"),
        ("zh", "英语"),
        ("zh_TW", "英文"),
        ("zh-Hant", "英文"),
        ("sr-Latn", "engleski"),
        ("sr", "енглески"),
        ("no", "engelsk"),
        ("iw", "אנגלית"),
        ("en-Abcd", "English"),
    ],
)
async def test_names_are_told_in_any_language_that_has_them(code: str, name: str) -> None:
    async with served() as (_, google):
        assert (await languages(google, display_language_code=code))[1][1] == name


async def test_no_code_that_somebody_asks_with_is_remembered() -> None:
    async with served() as (_, google):
        await languages(google, display_language_code="en")
        before = len(langcodes.Language._INSTANCES)
        for number in range(50):
            await languages(google, display_language_code=f"en-x-{number}")
        assert len(langcodes.Language._INSTANCES) == before


async def test_models_that_a_caller_may_not_use_are_not_told() -> None:
    known = [("authorization", f"Bearer {KEY}")]
    async with served(api_key_entries=entries(entry(models=["other"]))) as (_, google):
        answer = await asked(
            google.get_supported_languages, request={"parent": PARENT}, metadata=known
        )
        assert not answer.languages


def raw(server: Running, method: str) -> Any:
    return server.channel.unary_unary(f"/google.cloud.translation.v3.TranslationService/{method}")


def methods_of_the_client() -> set[str]:
    source = Path(transports.grpc.__file__).read_text()
    return set(re.findall(r'"/google\.cloud\.translation\.v3\.TranslationService/(\w+)"', source))


async def test_every_method_of_the_client_is_answered_or_refused_with_the_reason() -> None:
    assert len(methods_of_the_client()) > 30
    async with served() as (server, _):
        for method in methods_of_the_client():
            with pytest.raises(Exception, match="StatusCode") as refused:
                await raw(server, method)(b"")
            said = str(refused.value)
            if method in REASONS:
                assert f"{method}: {REASONS[method]}" in said
            else:
                assert "StatusCode.UNIMPLEMENTED" not in said, method


async def test_what_is_not_here_is_not_told_to_strangers() -> None:
    async with served(api_key_entries=entries(entry())) as (_, google):
        text = {"parent": PARENT, "contents": ["a"]}
        with pytest.raises(exceptions.Unauthenticated):
            await asked(google.romanize_text, request=text)
        known = [("authorization", f"Bearer {KEY}")]
        with pytest.raises(exceptions.MethodNotImplemented, match="no model here writes other"):
            await asked(google.romanize_text, request=text, metadata=known)


def test_the_door_to_googles_package_is_one_module() -> None:
    root = Path(dragoman_server.__file__).parent
    doors = [
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if "google.cloud"
        in "".join(re.findall(r"^\s*(?:from|import) .*$", path.read_text(), re.MULTILINE))
    ]
    assert doors == ["interfaces/google/messages.py"]
