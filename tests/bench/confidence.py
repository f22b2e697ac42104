"""What confidence is worth on sentences that a bundle was not calibrated on, and what it costs.

    python -m tests.bench.confidence BUNDLE [--data ../shared/data/en-de]

Calibrates a copy of the bundle on the sets of --pairs, and compares it on those of --tests with
chrF and with the words of the translations made by people; beside it the model's own probabilities,
as they are: of a sentence the geometric mean of its tokens', of a word their product. A word is
wrong that people do not have: average precision and the area under the curve say how well the wrong
ones are found. Then translates with and without.
"""

import argparse
import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dragoman.v1.bundle_pb2 import Calibration
from dragoman_server.calibration.fitting import calibration_of
from dragoman_server.calibration.pairs import Pair
from dragoman_server.calibration.report import (
    Told,
    calibration_error,
    cross_validated,
    rank_correlation,
    told,
)
from dragoman_server.calibration.samples import Sample
from dragoman_server.calibration.translating import Languages, samples_of
from dragoman_server.calibration.writing import write_calibration
from dragoman_server.config import Config
from dragoman_server.local import LocalTranslator
from dragoman_server.models import read_manifest
from tests.bench.attention_cost import measured
from tests.bench.corpus import Corpus
from tests.bench.tables import text_table

Floats = NDArray[np.float64]

WHOLE = 1_000_000
"""Lines of a set: all."""

TURNS = ("", "return_confidence", "return_confidence", "")


def main() -> None:
    """Prints two tables and a line for each turn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/en-de"))
    parser.add_argument("--pairs", nargs="+", default=["flores_dev", "tatoeba_dev"])
    parser.add_argument("--tests", nargs="+", default=["tatoeba_test", "newstest2014"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        bundle = Path(shutil.copytree(arguments.bundle, Path(directory) / "bundle"))
        samples = [
            sample
            for name in arguments.pairs
            for sample in translated(bundle, Corpus.read(arguments.data, [(name, WHOLE)]))
        ]
        calibration = calibration_of(samples)
        calibration.report.CopyFrom(cross_validated(samples))
        write_calibration(bundle, calibration, read=read_manifest(bundle))
        print(f"calibrated on {', '.join(arguments.pairs)}, by cross-validation:")
        print(calibration.report)
        compare(bundle, calibration, arguments.data, arguments.tests)
        cost(bundle, Corpus.read(arguments.data, [("tatoeba_test", 1000)]).sources)


def translated(bundle: Path, corpus: Corpus) -> list[Sample]:
    """Returns what is known of each sentence."""
    assert corpus.references is not None
    pairs = [Pair(*pair) for pair in zip(corpus.sources, corpus.references, strict=True)]
    return samples_of(Config(bundle=(bundle,)), pairs, Languages())


def compare(bundle: Path, calibration: Calibration, data: Path, names: Sequence[str]) -> None:
    """Prints what a calibration says of test sets, and the same of the model's probabilities."""
    sentences, words = [], []
    for name in names:
        samples = translated(bundle, Corpus.read(data, [(name, WHOLE)]))
        for who, seen in (
            ("confidence", told(calibration, samples)),
            ("probability", by_probability(samples)),
        ):
            sentences.append(
                [
                    *(name, who, f"{len(seen.chrf):,}"),
                    *(f"{seen.sentences.mean():.3f}", f"{seen.chrf.mean():.3f}"),
                    f"{calibration_error(seen.sentences, seen.chrf):.3f}",
                    f"{rank_correlation(seen.sentences, seen.chrf):.3f}",
                ]
            )
            words.append(
                [
                    *(name, who, f"{len(seen.shared):,}"),
                    *(f"{seen.words.mean():.3f}", f"{seen.shared.mean():.3f}"),
                    f"{calibration_error(seen.words, seen.shared):.3f}",
                    f"{area_under_curve(seen.words, seen.shared):.3f}",
                    f"{average_precision(seen.words, seen.shared):.3f}",
                ]
            )
    print(
        text_table(["set", "by", "sentences", "mean", "chrF", "error", "rank"], sentences),
        end="\n\n",
    )
    print(
        text_table(["set", "by", "words", "mean", "shared", "error", "area", "precision"], words),
        end="\n\n",
    )


def by_probability(samples: Sequence[Sample]) -> Told:
    """Returns what the model's probabilities say by themselves."""
    means = [sum(each.said.scores) / len(each.said.scores) for each in samples]
    words = [word for sample in samples for word in sample.words]
    return Told(
        np.exp(means),
        np.array([each.chrf for each in samples]),
        np.array([1 / (1 + math.exp(-word.features.log_odds)) for word in words]),
        np.array([float(word.is_shared) for word in words]),
    )


def area_under_curve(confidence: Floats, shared: Floats) -> float:
    """Returns the probability that a wrong word is less sure than a right one; a tie is half."""
    values = np.unique(confidence, return_inverse=True)[1]
    wrong = np.bincount(values, weights=1 - shared)
    right = np.bincount(values, weights=shared)
    below = np.cumsum(wrong) - wrong / 2
    return float(right @ below / (wrong.sum() * right.sum()))


def average_precision(confidence: Floats, shared: Floats) -> float:
    """Returns that of finding the wrong words, the least sure first."""
    wrong = 1 - shared[np.argsort(confidence, kind="stable")]
    precision = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)
    return float(precision @ wrong / wrong.sum())


def cost(bundle: Path, lines: Sequence[str]) -> None:
    """Prints what it costs to be told."""
    with LocalTranslator.open(Config(bundle=(bundle,), engines=2)) as translator:
        plain = measured(translator, lines, "")  # warms up
        for field in TURNS:
            if measured(translator, lines, field) != plain:
                raise AssertionError(f"{field} changes translations")


if __name__ == "__main__":
    main()
