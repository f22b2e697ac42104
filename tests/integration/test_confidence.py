"""How sure the shipped model is of its translations, and how good these are."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from dragoman import Client
from dragoman.v1.bundle_pb2 import Calibration, Feature, LengthRatio, Regression
from dragoman.v1.translation_pb2 import DecodingOptions, StreamTranslateTextRequest, Translation
from dragoman_server.calibration.fitting import calibration_of
from dragoman_server.calibration.pairs import Pair
from dragoman_server.calibration.report import cross_validated, report_of, told
from dragoman_server.calibration.samples import Sample
from dragoman_server.calibration.translating import Languages, samples_of
from dragoman_server.calibration.writing import write_calibration
from dragoman_server.config import Config
from dragoman_server.local import LocalTranslator
from dragoman_server.models import read_manifest
from tests.integration.conftest import corpus, everyday_sentences
from tests.integration.served import Served

SENTENCES = 600
"""Of each set."""

MOST_ERROR = 0.05
"""Expected calibration error on sentences of the same kind: 0.02 of sentences and of words."""

LEAST_RANK = 0.6
"""Spearman's with chrF: 0.67."""

CALIBRATION = Calibration(
    length_ratio=LengthRatio(mean=-0.04, deviation=0.2),
    sentence=Regression(features=[Feature(name="log_odds", weight=0.5)]),
    word=Regression(
        features=[
            Feature(name="log_odds", weight=0.5),
            Feature(name="log_characters", weight=-0.5),
        ]
    ),
)
"""Nearly what comes of tatoeba_dev."""


@pytest.fixture(scope="module")
def calibrated(bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("calibrated") / "bundle"
    shutil.copytree(bundles["int8"], copy)
    write_calibration(copy, CALIBRATION, read=read_manifest(copy))
    return copy


def samples(bundle: Path, name: str) -> list[Sample]:
    pairs = [Pair(*pair) for pair in zip(*corpus(name), strict=True)][:SENTENCES]
    return samples_of(Config(bundle=(bundle,)), pairs, Languages())


def test_confidence_is_how_good_translations_are_that_it_was_not_calibrated_on(
    bundles: dict[str, Path],
) -> None:
    seen = samples(bundles["int8"], "tatoeba_dev")
    calibration, expected = calibration_of(seen), cross_validated(seen)
    fresh = told(calibration, samples(bundles["int8"], "tatoeba_test"))
    report = report_of(fresh)
    print(report)
    for each in (expected, report):
        assert each.sentence_error < MOST_ERROR
        assert each.word_error < MOST_ERROR
        assert each.rank_correlation > LEAST_RANK
    assert float(np.mean(fresh.sentences)) == pytest.approx(np.mean(fresh.chrf), abs=0.03)
    assert float(np.mean(fresh.words)) == pytest.approx(np.mean(fresh.shared), abs=0.03)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_who_asks_gets_the_same_translation_and_so_do_the_others(
    calibrated: Path, beam_size: int
) -> None:
    texts = everyday_sentences()[:60]
    with LocalTranslator.open(Config(bundle=(calibrated,), engines=2)) as translator:
        plain = _translated(translator, texts, beam_size, set())
        mixed = _translated(translator, texts, beam_size, set(range(0, len(texts), 3)))
        (alone,) = _translated(translator, texts[3:4], beam_size, {0})
    assert mixed[3] == alone
    for index, (before, after) in enumerate(zip(plain, mixed, strict=True)):
        asked = index % 3 == 0
        assert after.HasField("confidence") == asked
        assert bool(after.words) == asked
        for segment in after.segments:
            segment.ClearField("confidence")
        after.ClearField("confidence")
        after.ClearField("words")
        assert before == after


def test_front_ends_in_processes_of_their_own_tell_it_too(calibrated: Path) -> None:
    text = "The cat sleeps."
    with Served(calibrated, workers=1) as server, Client(server.address) as client:
        translation = client.translate(text, return_confidence=True)
        assert translation.confidence is not None
        assert 0.6 < translation.confidence < 1
        said = translation.translated_text
        assert [said[word.begin : word.end] for word in translation.words] == [
            *("Die", "Katze", "schläft", ".")
        ]
        assert not translation.token_scores
        assert client.translate(text).confidence is None


def _translated(
    translator: LocalTranslator, texts: list[str], beam_size: int, asking: set[int]
) -> list[Translation]:
    """Of the texts at these indices it is asked how sure they are."""
    options = DecodingOptions(beam_size=beam_size)
    outcomes = translator.translate_stream(
        StreamTranslateTextRequest(content=text, options=options, return_confidence=index in asking)
        for index, text in enumerate(texts)
    )
    return [outcome for outcome in outcomes if isinstance(outcome, Translation)]
