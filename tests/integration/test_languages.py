"""A real server of two models: through a third language, languages found out, translations kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman import Client, InvalidArgumentError, NotFoundError, TranslateOptions
from tests.integration.bundles import copy_bundle
from tests.integration.served import Served

TEXTS = ["Where is the railway station?", "I don't know what to do.", "It is very cold today."]
ENGLISH_GERMAN: TranslateOptions = {"source_language_code": "en", "target_language_code": "de"}
GERMAN = "Meine Schwester arbeitet im Krankenhaus."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, int8_bundle: Path) -> Iterator[Served]:
    """The shipped model, and a copy of it that says that it translates from German into French."""
    models = tmp_path_factory.mktemp("models")
    copy_bundle(int8_bundle, models / "en-de", "en-de")
    copy_bundle(int8_bundle, models / "de-fr", "de-fr", "de-fr")
    with Served(
        None, models=models, engines=1, detect_languages="true", cache_bytes="1MiB"
    ) as served:
        yield served


@pytest.fixture
def client(server: Served) -> Iterator[Client]:
    with Client(server.address) as client:
        yield client


def test_through_a_third_language_it_is_as_if_translated_twice(client: Client) -> None:
    between = client.translate(TEXTS, source_language_code="en", target_language_code="de")
    after = client.translate(
        [each.translated_text for each in between],
        source_language_code="de",
        target_language_code="fr",
    )
    whole = client.translate(
        TEXTS, source_language_code="en", target_language_code="fr", pivot_language_code="de"
    )
    for first, second, each in zip(between, after, whole, strict=True):
        assert each.translated_text == second.translated_text
        assert each.model == "en-de,de-fr"
        assert each.score == pytest.approx((first.score or 0) + (second.score or 0))
        assert each.source_token_count == first.source_token_count
    with pytest.raises(NotFoundError):
        client.translate(TEXTS, source_language_code="en", target_language_code="fr")


def test_languages_are_found_out(client: Client) -> None:
    said = client.translate(TEXTS, source_language_code="en", target_language_code="de")
    found = client.translate([*TEXTS, GERMAN], target_language_code="fr", pivot_language_code="de")
    assert [each.detected_language_code for each in found] == ["en", "en", "en", "de"]
    assert [each.model for each in found] == [*["en-de,de-fr"] * 3, "de-fr"]
    assert [each.language_code for each in client.detect([TEXTS[0], GERMAN])] == ["en", "de"]
    assert [each.detected_language_code for each in said] == [""] * 3
    results = client.translate_stream(
        [TEXTS[0], "12:30"], target_language_code="fr", pivot_language_code="de"
    )
    assert [each.translation.detected_language_code for each in results] == ["en", "und"]
    with pytest.raises(InvalidArgumentError) as caught:
        client.translate(
            "Je ne sais pas quoi faire.", target_language_code="fr", pivot_language_code="de"
        )
    assert caught.value.reason == "LANGUAGE_NOT_DETECTED"


def test_what_is_kept_is_the_same(server: Served, client: Client) -> None:
    anew: TranslateOptions = {**ENGLISH_GERMAN, "skip_cache": True}
    new = client.translate(TEXTS, **anew)
    client.translate(TEXTS, **ENGLISH_GERMAN)
    hits = server.metric("cache_hits_total", model="en-de")
    assert client.translate(TEXTS, **ENGLISH_GERMAN) == new
    assert server.metric("cache_hits_total", model="en-de") == hits + len(TEXTS)
    assert server.metric("cache_bytes") > 0


def test_each_part_of_a_text_is_translated_from_its_own_language(client: Client) -> None:
    text = f"1. {TEXTS[0]} {TEXTS[1]}\n\n\t{GERMAN}\n2. Je ne sais pas quoi faire.\n{TEXTS[2]} 🙂\n"
    first, second, third = client.translate(TEXTS, **ENGLISH_GERMAN)
    said = f"{first.translated_text} {second.translated_text}"
    kept = f"\n\n\t{GERMAN}\n2. Je ne sais pas quoi faire.\n"
    found = client.translate(text, target_language_code="de", mixed_languages=True)
    assert found.translated_text == f"1. {said}{kept}{third.translated_text} 🙂\n"
    assert [each.reason for each in found.warnings] == ["LANGUAGE_NOT_TRANSLATED"]
    assert found.detected_language_code == "en"
    assert [
        (each.detected_language_code, text[each.source_begin : each.source_end])
        for each in found.segments
    ] == [
        *(("en", TEXTS[0]), ("en", TEXTS[1])),
        ("de", GERMAN),
        ("fr", "Je ne sais pas quoi faire."),
        ("en", TEXTS[2]),
    ]
    spans = client.detect(text, spans=True).spans
    assert [each.language_code for each in spans] == ["en", "de", "fr", "en"]


def test_parts_of_one_text_go_to_different_models(client: Client) -> None:
    text = f"{TEXTS[1]}\n{GERMAN}"
    found = client.translate(
        text, target_language_code="fr", pivot_language_code="de", mixed_languages=True
    )
    apart = client.translate(
        [TEXTS[1], GERMAN], target_language_code="fr", pivot_language_code="de"
    )
    assert found.translated_text == "\n".join(each.translated_text for each in apart)
    assert found.model == "en-de,de-fr,de-fr"
