"""Says what is wrong with the calibration that a manifest has: it may be a newer server's.

Looks at the manifest alone. Does not know what the numbers are used for.
"""

import math
from collections.abc import Collection, Iterator

from dragoman.v1.bundle_pb2 import Manifest, Regression
from dragoman_server.confidence.features import SentenceFeatures, WordFeatures

MOST_LOGARITHM = 10.0
"""Of a mean ratio of lengths, and of its deviation: e to the power of it is 22,000."""


def problems_of_calibration(manifest: Manifest) -> Iterator[str]:
    """Yields what is wrong, a sentence each; nothing where there is none."""
    if not manifest.HasField("calibration"):
        return
    calibration = manifest.calibration
    ratio = calibration.length_ratio
    for name, value, least in (
        ("mean", ratio.mean, -MOST_LOGARITHM),
        ("deviation", ratio.deviation, 0.0),
    ):
        if not least <= value <= MOST_LOGARITHM:
            yield (
                f"calibration.length_ratio.{name} is {value}; allowed: {least:g} to "
                f"{MOST_LOGARITHM:g}"
            )
    yield from _regression("sentence", calibration.sentence, SentenceFeatures._fields)
    yield from _regression("word", calibration.word, WordFeatures._fields)


def _regression(name: str, regression: Regression, known: Collection[str]) -> Iterator[str]:
    field = f"calibration.{name}"
    names = [feature.name for feature in regression.features]
    for index, feature in enumerate(regression.features):
        if feature.name not in known:
            yield (
                f"{field}.features[{index}].name is {feature.name[:40]!r}; allowed: "
                f"{', '.join(known)}"
            )
        if not math.isfinite(feature.weight):
            yield f"{field}.features[{index}].weight is {feature.weight}; allowed: a number"
    if len(set(names)) < len(names):
        yield f"{field}.features has a name twice"
    if not math.isfinite(regression.intercept):
        yield f"{field}.intercept is {regression.intercept}; allowed: a number"
