"""A logistic regression as a bundle has it. Knows weights; does not know how they are found."""

import math
from collections.abc import Sequence

from dragoman.v1 import bundle_pb2 as pb

FURTHEST = 700.0
"""From 0, that a sum may be: exp has no larger one."""


class Regression:
    """Makes a number from 0 to 1 of features.

    Args:
        message: Its weights; a feature that it does not name counts nothing.
        names: What the features are called, in the order in which they are given.
    """

    def __init__(self, message: pb.Regression, names: Sequence[str]) -> None:
        weights = {feature.name: feature.weight for feature in message.features}
        self._intercept = message.intercept
        self._weights = [weights.get(name, 0.0) for name in names]

    def of(self, features: Sequence[float]) -> float:
        """Returns the number for as many features as there are names."""
        total = self._intercept
        for weight, feature in zip(self._weights, features, strict=True):
            total += weight * feature
        return 1.0 / (1.0 + math.exp(-max(-FURTHEST, min(total, FURTHEST))))
