"""Guesses the language of a text: the one module that knows eldc.

Knows how its scores become probabilities. Does not know which languages are wanted.
"""

import math
from typing import NamedTuple

from dragoman_server.config import Config
from dragoman_server.detection.samples import sample
from dragoman_server.errors import ConfigError

MOST_GUESSES = 20
"""That the library tells."""

TEMPERATURE = 0.04
"""Of the softmax that makes probabilities of its scores, which lie between 0 and 1: so what is held
for likelier than all else together is right in 85 of 100 and more (docs/performance.md)."""


class Guess(NamedTuple):
    """A language that a text may be in."""

    language_code: str
    """BCP-47."""
    confidence: float
    """How likely it is: those of all guesses together are 1."""


class LanguageDetector:
    """Guesses languages; costs some microseconds a text, however long that is.

    Attributes:
        languages: Codes of all that it may guess.
    """

    def __init__(self) -> None:
        import eldc  # noqa: PLC0415  25 MB, where it is needed alone

        eldc.init()
        self._library = eldc.instance()
        self.languages: frozenset[str] = frozenset(eldc.LANGUAGES)
        self._library.set_scores(MOST_GUESSES)

    def guesses(self, text: str) -> list[Guess]:
        """Returns what the text may be in, best first; nothing where it has no known letters."""
        scores: dict[str, float] = self._library.detect_details(sample(text)).scores
        if not scores:
            return []
        best = max(scores.values())
        weights = {code: math.exp((score - best) / TEMPERATURE) for code, score in scores.items()}
        total = sum(weights.values())
        guesses = [Guess(code, weight / total) for code, weight in weights.items()]
        return sorted(guesses, key=lambda guess: -guess.confidence)


def open_detector(config: Config) -> LanguageDetector | None:
    """Returns what finds out languages; None where the settings do not ask for it.

    Raises:
        ConfigError: The library is not installed.
    """
    if not config.detect_languages:
        return None
    try:
        return LanguageDetector()
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"detect_languages needs {error.name}: in a clone of Dragoman, "
            "pip install '.[detection]'"
        ) from None
