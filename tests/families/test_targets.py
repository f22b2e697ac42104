"""One source into all the languages of a model, beside a request for each."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dragoman import Client, TranslateOptions
from tests.export.two_vocabularies import SOURCES
from tests.exports import Exports
from tests.families.bundles import PRECISIONS, export_both
from tests.families.multilingual import KINDS, NLLB_LANGUAGES
from tests.integration.served import Served

WORKERS = {"float32": 0, "int8": 1}

LANGUAGES = ("de", "en", "ace-Arab", "ace-Latn")


@pytest.fixture(scope="module", params=PRECISIONS)
def client(request: pytest.FixtureRequest, exports: Exports) -> Iterator[Client]:
    """Of a server with engines in its own process, and of one with them in another."""
    checkpoint: Path = exports.get("family-nllb", KINDS["nllb"].make)
    bundle = export_both(exports, checkpoint)[request.param]
    with (
        Served(bundle, engines=2, workers=WORKERS[request.param]) as served,
        Client(served.address) as client,
    ):
        yield client


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"beam_size": 3, "num_hypotheses": 3},
        {"sampling_topk": 5, "seed": 3},
        {"segmentation": "sentences"},
    ],
)
def test_translations_are_to_the_last_bit_those_of_a_request_for_each(
    client: Client, options: TranslateOptions
) -> None:
    options = {**options, "source_language_code": "en"}
    texts = [*SOURCES, f"{SOURCES[0]}\n{SOURCES[1]}", SOURCES[0]]
    together = client.translate_into(texts, LANGUAGES, **options)
    for code in LANGUAGES:
        one: TranslateOptions = {**options, "target_language_code": code}
        alone = client.translate(texts, **one)
        assert together[code] == [replace(each, target_language_code=code) for each in alone]
    assert len({together[code][0].translated_text for code in LANGUAGES}) > 1


def test_a_text_alone_goes_into_all_languages(client: Client) -> None:
    told = client.translate_into(SOURCES[0], NLLB_LANGUAGES, source_language_code="eng_Latn")
    assert list(told) == list(NLLB_LANGUAGES)
    again = client.translate_into([SOURCES[0]], NLLB_LANGUAGES, source_language_code="eng_Latn")
    assert {code: [each] for code, each in told.items()} == again
