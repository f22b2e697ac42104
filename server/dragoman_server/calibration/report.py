"""What a calibration is worth: on samples that it was not made from, in turn for all of them.

Knows samples and calibrations. Does not know how either comes about.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman.v1 import bundle_pb2 as pb
from dragoman_server.calibration.fitting import calibration_of
from dragoman_server.calibration.samples import Sample
from dragoman_server.confidence.features import SentenceFeatures, WordFeatures, sentence_features
from dragoman_server.confidence.regression import Regression

Floats = NDArray[np.float64]

FOLDS = 10
BINS = 10


class Told(NamedTuple):
    """What a calibration says of some samples, and what is so."""

    sentences: Floats
    """(samples,) their confidence."""
    chrf: Floats
    """(samples,)."""
    words: Floats
    """(words,) their confidence, sentence by sentence."""
    shared: Floats
    """(words,) 1 where people have it too."""


def told(calibration: pb.Calibration, samples: Sequence[Sample]) -> Told:
    """Returns what a calibration says of samples."""
    sentence = Regression(calibration.sentence, SentenceFeatures._fields)
    word = Regression(calibration.word, WordFeatures._fields)
    mean = calibration.length_ratio.mean
    words = [each for sample in samples for each in sample.words]
    return Told(
        np.array([sentence.of(sentence_features(each.said, mean)) for each in samples]),
        np.array([each.chrf for each in samples]),
        np.array([word.of(each.features) for each in words]),
        np.array([float(each.is_shared) for each in words]),
    )


def cross_validated(samples: Sequence[Sample]) -> pb.CalibrationReport:
    """Returns the report on calibrations of nine tenths of the samples, on the tenth without."""
    parts = []
    for fold in range(FOLDS):
        rest = [each for index, each in enumerate(samples) if index % FOLDS != fold]
        parts.append(told(calibration_of(rest), samples[fold::FOLDS]))
    whole = Told(*(np.concatenate(side) for side in zip(*parts, strict=True)))
    return report_of(whole)


def report_of(whole: Told) -> pb.CalibrationReport:
    """Returns the report on what was told."""
    return pb.CalibrationReport(
        pair_count=len(whole.chrf),
        word_count=len(whole.shared),
        sentence_error=calibration_error(whole.sentences, whole.chrf),
        word_error=calibration_error(whole.words, whole.shared),
        rank_correlation=rank_correlation(whole.sentences, whole.chrf),
    )


def calibration_error(confidence: Floats, wanted: Floats) -> float:
    """Returns the expected calibration error: in bins of as many each, most alike together.

    Args:
        confidence: (n,), 0 to 1.
        wanted: (n,), what it should be in the mean.
    """
    bins = np.array_split(np.argsort(confidence, kind="stable"), BINS)
    gaps = [len(each) * abs(np.mean(confidence[each] - wanted[each])) for each in bins if len(each)]
    return float(sum(gaps) / len(confidence))


def rank_correlation(first: Floats, second: Floats) -> float:
    """Returns Spearman's; 0 where one of the two is always the same."""
    one, other = _ranks(first), _ranks(second)
    if not (np.ptp(one) and np.ptp(other)):
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _ranks(values: Floats) -> Floats:
    """Returns the rank of each; equal ones share the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    shared: Floats = ((2 * ends - counts - 1) / 2)[places]
    return shared
