"""Samples of which is known what they were drawn from."""

import math

import numpy as np

from dragoman_server.calibration.samples import RatedWord, Sample
from dragoman_server.confidence.features import Said, sentence_log_odds, word_features


def drawn(count: int, seed: int = 0, *, words: int = 8) -> list[Sample]:
    """Sentences whose chrF is their mean probability, but for noise; words likewise."""
    random = np.random.default_rng(seed)
    return [_sample(random, words) for _ in range(count)]


def _sample(random: np.random.Generator, words: int) -> Sample:
    easy = random.beta(2, 2)
    chosen = np.clip(random.normal(easy, 0.1, words), 0.01, 0.99)
    said = Said(np.log(chosen).tolist(), int(random.integers(4, 12)), words)
    odds = sentence_log_odds(said)
    rated = [
        RatedWord(word_features([math.log(each)], odds, 4), bool(random.random() < each))
        for each in chosen
    ]
    return Sample(said, float(np.clip(chosen.mean() + random.normal(0, 0.1), 0, 1)), rated)
