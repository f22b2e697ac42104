"""Whether a translation is in another language than the one that was asked for.

Knows guesses of languages and how sure they are. Does not know how they are made.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

LEAST_LETTERS = 30
"""Of a text that is looked at: guesses of shorter ones are wrong too often."""

LEAST_SURE = 0.8
"""Of another language."""

MOST_OWN = 0.05
"""Of the language that it should be in."""


class Guess(Protocol):
    """What is needed of a guess."""

    @property
    def language_code(self) -> str:
        """A language."""

    @property
    def confidence(self) -> float:
        """How likely it is, 0 to 1."""


class Guesser(Protocol):
    """What is needed of a LanguageDetector."""

    def guesses(self, text: str) -> Sequence[Guess]:
        """Returns what a text may be in, best first."""


def wrong_language(text: str, allowed: Collection[str], guesser: Guesser) -> str:
    """Returns the code of the other language that a text is in; empty where it is in none.

    Args:
        text: The text; a short one is in none.
        allowed: Codes that the guesser may have for the language that it should be in.
        guesser: Knows at least one of them.
    """
    if sum(map(str.isalpha, text)) < LEAST_LETTERS:
        return ""
    guesses = guesser.guesses(text)
    if not guesses or guesses[0].confidence < LEAST_SURE:
        return ""
    own = sum(guess.confidence for guess in guesses if guess.language_code in allowed)
    return "" if own > MOST_OWN else guesses[0].language_code
