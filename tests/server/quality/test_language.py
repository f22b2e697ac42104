"""Texts in another language."""

from typing import NamedTuple

import pytest

from dragoman_server.quality import wrong_language

LONG = "a text of more than thirty letters, as it is"


class Guess(NamedTuple):
    language_code: str
    confidence: float


class Guesser:
    def __init__(self, **guesses: float) -> None:
        self._guesses = [Guess(*each) for each in guesses.items()]
        self.asked = 0

    def guesses(self, text: str) -> list[Guess]:  # noqa: ARG002
        self.asked += 1
        return self._guesses


@pytest.mark.parametrize(
    ("guesses", "found"),
    [
        ({"fr": 0.9, "de": 0.02}, "fr"),
        ({"fr": 0.7, "it": 0.3}, ""),
        ({"nl": 0.8, "de": 0.15}, ""),
        ({"de": 1.0}, ""),
        ({"lb": 0.9}, ""),
        ({}, ""),
    ],
)
def test_another_language_is_told_where_it_is_sure(guesses: dict[str, float], found: str) -> None:
    assert wrong_language(LONG, {"de", "lb"}, Guesser(**guesses)) == found


def test_short_texts_are_in_none() -> None:
    guesser = Guesser(fr=1.0)
    assert wrong_language("Bonjour à tous, 1234567890 1234567890!", {"de"}, guesser) == ""
    assert guesser.asked == 0
