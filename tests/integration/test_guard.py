"""The guard with the shipped model and real engines: a model that was trained on sentences of a few
words says the same again and again where it does not know on."""

from collections.abc import Iterator

import pytest

from dragoman import Client
from dragoman_export.sentences import SENTENCES
from tests.integration.conftest import Bundles
from tests.integration.served import Served

HARD = (
    "Mortgage-backed securities, collateralised debt obligations and credit default swaps "
    "precipitated the subprime crisis."
)
TEXTS = [*SENTENCES[:20], HARD]


@pytest.fixture(scope="module")
def server(bundles: Bundles) -> Iterator[Served]:
    with Served(bundles["float32"], engines=1, workers=1, detect_languages=True) as served:
        yield served


@pytest.fixture
def client(server: Served) -> Iterator[Client]:
    with Client(server.address, timeout=60) as client:
        yield client


def test_what_loops_is_found_and_mended_and_nothing_else_is_touched(
    client: Client, server: Served
) -> None:
    plain = client.translate(TEXTS)
    warned = client.translate(TEXTS, guard="warn")
    mended = client.translate(TEXTS, guard="retry")
    assert [each.translated_text for each in warned] == [each.translated_text for each in plain]
    assert [each.score for each in warned] == [each.score for each in plain]
    assert mended[:-1] == plain[:-1]
    assert [warning.reason for warning in warned[-1].warnings] == ["REPETITION"]
    assert not any(each.warnings for each in warned[:-1])
    assert mended[-1].translated_text != plain[-1].translated_text
    assert (mended[-1].warnings, mended[-1].hypotheses) == ((), ())
    labels = {"reason": "REPETITION"}
    while server.metric("guard_faults_total", **labels) < 2:  # a worker tells of them now and then
        pass
    assert server.metric("guard_faults_total", **labels) == 2
    assert server.metric("guard_faults_mended_total", **labels) == 1


def test_what_is_asked_for_is_of_what_is_answered(client: Client) -> None:
    bare = client.translate(HARD, guard="retry")
    told = client.translate(HARD, guard="retry", return_alignment=True, return_token_scores=True)
    assert told.translated_text == bare.translated_text
    assert len(told.token_scores) - told.target_token_count in {0, 1}
    assert told.alignment
    assert max(link.target_end for link in told.alignment) <= len(told.translated_text)


def test_a_short_translation_is_aligned_in_the_engines(client: Client) -> None:
    source = "I was at home, and my brother was in the garden because the weather was very nice."
    cut = client.translate(source, target_prefix="Ich war", max_decoding_length=2, guard="warn")
    assert "SOURCE_NOT_COVERED" in {warning.reason for warning in cut.warnings}
