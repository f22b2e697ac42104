"""A translated sentence beside the translation that somebody made of it. The door to sacrebleu.

Knows texts. Does not know how they were translated, nor what is made of it.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from sacrebleu.metrics import CHRF

from dragoman.alignment import words_of
from dragoman_server.confidence.features import Said, WordFeatures
from dragoman_server.confidence.words import SaidWord


class RatedWord(NamedTuple):
    """A word that a model has said."""

    features: WordFeatures
    is_shared: bool
    """Whether the other translation has it too, as often as it was said so far."""


class Sample(NamedTuple):
    """A sentence."""

    said: Said
    chrf: float
    """Of its translation, 0 to 1 (Popovic 2015, as sacrebleu has it: up to six characters)."""
    words: list[RatedWord]


class Scorer:
    """Compares translations with those made by people."""

    def __init__(self) -> None:
        self._chrf = CHRF()

    def sample(self, said: Said, text: str, words: Iterable[SaidWord], target: str) -> Sample:
        """Returns what is known of a sentence.

        Args:
            said: It, as the model translated it.
            text: Its translation.
            words: That are in it.
            target: The translation that somebody made.
        """
        chrf = float(self._chrf.sentence_score(text, [target]).score) / 100
        there = Counter(target[begin:end] for begin, end in words_of(target))
        rated = []
        for word in words:
            shown = text[word.begin : word.end]
            there[shown] -= 1
            rated.append(RatedWord(word.features, there[shown] >= 0))
        return Sample(said, chrf, rated)
