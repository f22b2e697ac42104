import math

import pytest

from dragoman_server.calibration.errors import CalibrationError
from dragoman_server.calibration.fitting import calibration_of
from dragoman_server.calibration.report import told
from dragoman_server.calibration.samples import Sample
from dragoman_server.confidence.features import Said
from tests.server.calibration.drawn import drawn


def test_confidence_is_what_the_samples_were_drawn_from() -> None:
    seen = told(calibration_of(drawn(2_000)), fresh := drawn(500, seed=1))
    for confidence, sample in zip(seen.sentences, fresh, strict=True):
        likely = sum(map(math.exp, sample.said.scores)) / len(sample.said.scores)
        assert confidence == pytest.approx(likely, abs=0.05)
    probabilities = [math.exp(score) for sample in fresh for score in sample.said.scores]
    off = [abs(a - b) for a, b in zip(seen.words, probabilities, strict=True)]
    assert sum(off) / len(off) < 0.03


def test_lengths_are_those_of_the_samples() -> None:
    samples = [
        Sample(Said([-0.1], source, 6), chrf, each.words)
        for source, chrf, each in zip((2, 3) * 50, (0.4, 0.6) * 50, drawn(100), strict=True)
    ]
    ratio = calibration_of(samples).length_ratio
    assert ratio.mean == pytest.approx((math.log(3) + math.log(2)) / 2)
    assert ratio.deviation == pytest.approx((math.log(3) - math.log(2)) / 2)


def test_it_is_found_where_features_tell_all_or_never_change() -> None:
    samples = drawn(100)  # of one length
    telling = [
        sample._replace(
            words=[word._replace(is_shared=word.features.log_odds > 0) for word in sample.words]
        )
        for sample in samples
    ]
    words = told(calibration_of(telling), telling)
    assert ((words.words > 0) & (words.words < 1)).all()
    assert words.words[words.shared == 1].mean() > 0.85
    assert words.words[words.shared == 0].mean() < 0.15


def test_nothing_is_made_of_samples_that_are_alike() -> None:
    samples = drawn(100)
    with pytest.raises(CalibrationError, match="all translations have the same chrF"):
        calibration_of([each._replace(chrf=0.5) for each in samples])
    with pytest.raises(CalibrationError, match="all words are in the translations made by people"):
        calibration_of(
            [
                each._replace(words=[word._replace(is_shared=True) for word in each.words])
                for each in samples
            ]
        )
    with pytest.raises(CalibrationError, match="have no words"):
        calibration_of([each._replace(words=[]) for each in samples])
