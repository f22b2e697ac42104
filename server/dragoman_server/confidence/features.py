"""The numbers of a sentence and of a word that their confidence is worked out from.

Their names are those that a manifest's Regression has; docs/models.md tells what each is good for.
Knows log-probabilities and lengths. Does not know texts, nor what the numbers count.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

LEAST_PROBABILITY = 1e-3
"""That counts, and as much below one: what is beyond is hardly measured by a thousand sentences."""


class Said(NamedTuple):
    """A sentence that a model has translated."""

    scores: Sequence[float]
    """Natural-log probability of each token that the model chose, the end token's too where it is
    there; at least one."""
    source_tokens: int
    """Of the sentence; special and end tokens not counted, as below."""
    target_tokens: int
    """Of its translation."""


class SentenceFeatures(NamedTuple):
    """What is known of a sentence once it is decoded."""

    log_odds: float
    """Of the mean probability of its tokens."""
    log_length: float
    """Natural logarithm of the target tokens."""
    log_length_ratio: float
    """That of target tokens per source token."""
    length_deviation: float
    """How far that is from its mean over a model's translations, whichever way."""


class WordFeatures(NamedTuple):
    """What is known of a word."""

    log_odds: float
    """Of the probability of all of its tokens: the product of theirs."""
    sentence_log_odds: float
    """Its sentence's log_odds."""
    log_characters: float
    """Natural logarithm of its code points."""


def log_length_ratio(said: Said) -> float:
    """Returns the natural logarithm of target tokens per source token, no count less than 1."""
    return math.log(max(1, said.target_tokens) / max(1, said.source_tokens))


def sentence_features(said: Said, typical_ratio: float) -> SentenceFeatures:
    """Returns the features of a sentence.

    Args:
        said: The sentence.
        typical_ratio: Mean of the model's log_length_ratio.
    """
    ratio = log_length_ratio(said)
    return SentenceFeatures(
        sentence_log_odds(said),
        math.log(max(1, said.target_tokens)),
        ratio,
        abs(ratio - typical_ratio),
    )


def sentence_log_odds(said: Said) -> float:
    """Returns the log_odds of a sentence."""
    return _log_odds(math.fsum(map(math.exp, said.scores)) / len(said.scores))


def word_features(
    scores: Sequence[float], sentence_log_odds: float, characters: int
) -> WordFeatures:
    """Returns the features of a word.

    Args:
        scores: Natural-log probability of each of its tokens.
        sentence_log_odds: Its sentence's.
        characters: Its code points, at least one.
    """
    log_odds = _log_odds(math.exp(math.fsum(scores)))
    return WordFeatures(log_odds, sentence_log_odds, math.log(characters))


def _log_odds(probability: float) -> float:
    within = min(max(probability, LEAST_PROBABILITY), 1 - LEAST_PROBABILITY)
    return math.log(within / (1 - within))
