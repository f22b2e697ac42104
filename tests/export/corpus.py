"""Parallel texts that small models are made of, and how much they are to learn of them."""

from collections.abc import Sequence
from typing import NamedTuple

CHUNK = 48
"""Pairs that a step of training sees at most."""


class Corpus(NamedTuple):
    """English sentences and the same in German."""

    english: Sequence[str]
    german: Sequence[str]
    vocabulary_size: int | None = None
    """Of tokenizers that are trained on them; None where each model has its own."""
    steps: int | None = None
    """Of training; None likewise, 0 for random weights."""
    max_length: int | None = None
    """Of a translation in tokens, start and end counted; None likewise."""

    @property
    def texts(self) -> list[str]:
        """Of both languages."""
        return [*self.english, *self.german]

    def of(self, language: str) -> Sequence[str]:
        """Those of `en` or `de`."""
        return {"en": self.english, "de": self.german}[language]

    def size(self, own: int) -> int:
        """Tokens of a vocabulary that has `own` of them unless something else is asked for."""
        return self.vocabulary_size or own

    def steps_of(self, own: int) -> int:
        """Steps of training, likewise."""
        return own if self.steps is None else self.steps

    def rate_of(self, own: float) -> float:
        """Of learning from one pair at a time; many pairs are learnt slowly."""
        return own if self.steps is None else own / 4

    def chunks(self) -> list["Corpus"]:
        """What each step of training sees, one after the other."""
        starts = range(0, len(self.english), CHUNK)
        parts = [(self.english[i : i + CHUNK], self.german[i : i + CHUNK]) for i in starts]
        return [self._replace(english=english, german=german) for english, german in parts]
