import numpy as np
import pytest

from dragoman_server.calibration.report import (
    calibration_error,
    cross_validated,
    rank_correlation,
)
from tests.server.calibration.drawn import drawn


def test_the_error_is_how_far_bins_are_from_what_is_so() -> None:
    confidence = np.linspace(0, 1, 1000)
    assert calibration_error(confidence, confidence) == 0
    assert calibration_error(confidence, confidence + 0.1) == pytest.approx(0.1)
    # What is far off in single cases and right in the mean of each bin is no error of this kind.
    wanted = confidence + np.tile([0.2, -0.2], 500)
    assert calibration_error(confidence, wanted) == pytest.approx(0, abs=1e-12)
    halves = np.where(confidence < 0.5, 0.2, -0.2)
    assert calibration_error(confidence, confidence + halves) == pytest.approx(0.2)


def test_ranks_are_correlated_whatever_the_distances() -> None:
    first = np.array([1.0, 2.0, 3.0, 4.0])
    assert rank_correlation(first, first**9) == pytest.approx(1)
    assert rank_correlation(first, -np.exp(first)) == pytest.approx(-1)
    assert rank_correlation(first, np.array([1.0, 3.0, 2.0, 4.0])) == pytest.approx(0.8)
    ties = rank_correlation(first, np.array([1.0, 2.0, 2.0, 3.0]))
    assert ties == pytest.approx(0.9487, abs=1e-4)  # as scipy.stats.spearmanr has it
    assert rank_correlation(first, np.ones(4)) == 0


def test_a_report_is_of_samples_that_nothing_was_fitted_to() -> None:
    report = cross_validated(drawn(400))
    assert (report.pair_count, report.word_count) == (400, 3200)
    assert report.sentence_error < 0.03
    assert report.word_error < 0.03
    assert report.rank_correlation > 0.8


def test_what_confidence_knows_nothing_of_has_no_correlation() -> None:
    chance = np.random.default_rng(3)
    samples = [each._replace(chrf=float(chance.random())) for each in drawn(400)]
    assert abs(cross_validated(samples).rank_correlation) < 0.15
