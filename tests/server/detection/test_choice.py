"""Which guess is taken."""

import pytest

from dragoman_server.detection import Guess, Wanted, choose, confirm, likeliest


def guesses(**confidences: float) -> list[Guess]:
    return [Guess(code, confidence) for code, confidence in confidences.items()]


def among(*codes: str) -> Wanted:
    """Languages that are wanted, called as they are guessed."""
    return {code: code for code in codes}.get


def test_the_likeliest_is_said_where_it_is_likelier_than_all_others() -> None:
    assert likeliest(guesses(de=0.5, nl=0.4, af=0.1)) == "de"
    assert likeliest(guesses(de=0.49, nl=0.41, af=0.1)) == "und"
    assert likeliest([]) == "und"


def test_among_few_languages_one_may_be_sure_that_is_not_among_all() -> None:
    unsure = guesses(nl=0.4, de=0.35, en=0.05, fr=0.2)
    chosen = choose(unsure, among("en", "de"))
    assert chosen is not None
    assert chosen.language_code == "de"
    assert chosen.confidence == pytest.approx(0.875)
    dutch = choose(unsure, among("nl", "de"))
    assert dutch is not None
    assert dutch.language_code == "nl"
    assert dutch.confidence == pytest.approx(0.4 / 0.75)
    assert choose(guesses(nl=0.3, de=0.3, en=0.2, fr=0.2), among("de", "nl", "fr")) is None


def test_what_is_plainly_of_another_language_is_none_of_those_that_are_wanted() -> None:
    assert choose(guesses(fr=0.9, en=0.1), among("en", "de")) is None
    assert choose(guesses(fr=0.4, en=0.3), among("en", "de")) is not None


def test_nothing_is_chosen_of_nothing() -> None:
    assert choose([], lambda code: code) is None
    assert choose(guesses(fr=0.3, es=0.3), among("en")) is None


def test_a_language_that_is_not_told_from_another_is_found_behind_it() -> None:
    assert choose(guesses(ms=0.9, tl=0.1), among("id", "en")) == ("id", 1.0)
    assert choose(guesses(ms=0.9, tl=0.1), among("id", "ms")) == ("ms", 1.0)


def test_a_language_may_be_called_otherwise_where_it_is_wanted() -> None:
    wanted = {"pt": "pt-BR", "es": "es"}.get
    assert choose(guesses(pt=0.7, es=0.3), wanted) == ("pt-BR", 0.7)


def test_what_was_found_otherwise_is_confirmed_where_it_is_sure_among_those_wanted() -> None:
    unsure = guesses(nl=0.5, de=0.3, en=0.2)
    confirmed = confirm("de", unsure, among("en", "de"))
    assert confirmed is not None
    assert confirmed.language_code == "de"
    assert confirmed.confidence == pytest.approx(0.6)
    assert confirm("en", unsure, among("en", "de")) is None
    assert confirm("nl", unsure, among("en", "de")) is None
    assert confirm("ms", guesses(ms=0.9, tl=0.1), among("id")) == ("id", 1.0)
    assert confirm("de", [], among("de")) is None
