"""Fits a bundle's calibration to samples: two logistic regressions and how long translations are.

The sentences' is a fractional one, of a share in place of yes and no (Papke and Wooldridge 1996).
Knows numbers. Does not know texts, nor how the samples came about.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dragoman.v1 import bundle_pb2 as pb
from dragoman_server.calibration.errors import CalibrationError
from dragoman_server.calibration.samples import Sample
from dragoman_server.confidence.features import (
    SentenceFeatures,
    WordFeatures,
    log_length_ratio,
    sentence_features,
)

Floats = NDArray[np.float64]

RIDGE = 1e-3
"""Weight, a sample, of the squares of the weights of standardised features: next to nothing, but
it bounds them where the features tell all."""

MOST_STEPS = 100
CONVERGED = 1e-9
"""Of a weight's step."""


def calibration_of(samples: Sequence[Sample]) -> pb.Calibration:
    """Returns what some samples tell of a model, without a report.

    Raises:
        CalibrationError: They are all alike.
    """
    ratios = np.array([log_length_ratio(sample.said) for sample in samples])
    mean = float(ratios.mean())
    sentences = np.array([sentence_features(sample.said, mean) for sample in samples])
    words = [word for sample in samples for word in sample.words]
    if not words:
        raise CalibrationError("the translations have no words")
    return pb.Calibration(
        length_ratio=pb.LengthRatio(mean=mean, deviation=float(ratios.std())),
        sentence=_fitted(
            sentences,
            np.array([sample.chrf for sample in samples]),
            SentenceFeatures._fields,
            "translations have the same chrF",
        ),
        word=_fitted(
            np.array([word.features for word in words]),
            np.array([float(word.is_shared) for word in words]),
            WordFeatures._fields,
            "words are in the translations made by people, or none",
        ),
    )


def _fitted(features: Floats, wanted: Floats, names: Sequence[str], alike: str) -> pb.Regression:
    """Returns the regression of (samples,) numbers on (samples, features), by Newton's method."""
    if wanted.min() == wanted.max():
        raise CalibrationError(f"nothing can be told apart: all {alike}")
    means, scales = features.mean(axis=0), features.std(axis=0)
    scales[scales == 0] = 1.0  # what never changes gets no weight
    inputs = np.column_stack([np.ones(len(features)), (features - means) / scales])
    ridge = RIDGE * len(features) * np.eye(inputs.shape[1])
    ridge[0, 0] = 0.0
    weights = np.zeros(inputs.shape[1])
    for _ in range(MOST_STEPS):
        given = 1 / (1 + np.exp(-(inputs @ weights)))
        gradient = inputs.T @ (given - wanted) + ridge @ weights
        curvature: NDArray[Any] = (inputs * (given * (1 - given))[:, None]).T @ inputs + ridge
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if np.abs(step).max() < CONVERGED:
            break
    each = weights[1:] / scales
    return pb.Regression(
        intercept=float(weights[0] - each @ means),
        features=[
            pb.Feature(name=name, weight=float(weight))
            for name, weight in zip(names, each, strict=True)
        ],
    )
