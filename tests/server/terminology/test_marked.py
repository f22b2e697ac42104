"""Texts are marked, and their translations put right, whatever a model makes of them."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from dragoman_server.terminology import Phrases, Terminology, Voice
from dragoman_server.texts import find_placeholders

PLACEHOLDERS = ["%s", "{name}", "<b>", "</b>", "https://x.org/?a=1", "`x`", "{n, plural, one {a}}"]
WORDS = ["open", "the", "door", "of", "X47", "42", "a,b"]


class Letters:
    """A token for each character of ASCII."""

    def encode_target(self, text: str) -> list[int]:
        return [ord(character) if character.isascii() else 0 for character in text]

    def decode(self, token_ids: Sequence[int]) -> str:
        return "".join(map(chr, token_ids))

    def target_pieces(self) -> dict[int, str]:
        return {}


VOICE = Voice(Letters(), 0)


def some_text(chance: random.Random) -> str:
    parts = [chance.choice(PLACEHOLDERS + WORDS) for _ in range(chance.randrange(1, 9))]
    return "".join(part + chance.choice([" ", " ", ""]) for part in parts)


def mistaken(text: str, chance: random.Random) -> str:
    """Words in another order, lost and doubled."""
    words = text.split()
    return " ".join(chance.choices(words, k=chance.randrange(2 * len(words)))) if words else ""


def placeholders(text: str) -> list[str]:
    return [text[start:end] for start, end, _ in find_placeholders(text)]


@pytest.mark.parametrize("seed", range(200))
def test_no_placeholder_is_lost_or_changed_whatever_the_model_says(seed: int) -> None:
    chance = random.Random(seed)
    text = some_text(chance)
    marked = Terminology(VOICE, protects=True).mark(text)
    if marked is None:
        assert not placeholders(text)
        return
    assert not placeholders(marked.text)
    untouched = marked.settle(marked.text)
    assert untouched.text == text
    assert untouched.warnings == []
    for said in (mistaken(marked.text, chance), ""):
        settled = marked.settle(said)
        for each, times in Counter(placeholders(text)).items():
            assert settled.text.count(each) >= times
        if marked.text and marked.faults(said) == 0:
            assert settled.warnings == []


def test_tags_are_nested_as_they_were_whatever_order_the_model_says_them_in() -> None:
    marked = Terminology(VOICE, protects=True).mark("a <b> c <i/> d </b> e")
    assert marked is not None
    words = marked.text.split()
    for seed in range(20):
        said = random.Random(seed).sample(words, len(words))
        found = placeholders(marked.settle(" ".join(said)).text)
        assert found == ["<b>", "<i/>", "</b>"]


def test_what_was_glued_to_a_word_is_again() -> None:
    marked = Terminology(VOICE, protects=True).mark("file%d.txt of %spx")
    assert marked is not None
    assert marked.text.split()[:2] == ["file", "X47.txt"]
    assert marked.settle(marked.text).text == "file%d.txt of %spx"


def test_what_the_model_cannot_say_is_hidden_from_it() -> None:
    terminology = Terminology(
        VOICE, protects=False, kept=["Łódź"], glossaries=[Phrases([("house", "dům")])]
    )
    marked = terminology.mark("a house in Łódź")
    assert marked is not None
    assert "house" not in marked.text
    assert marked.settle(marked.text).text == "a dům in Łódź"
    lost = marked.settle("a in")
    assert sorted(lost.text.split()) == ["a", "dům", "in", "Łódź"]
    assert [each.reason for each in lost.warnings] == ["TERM_MOVED"] * 2


def test_a_term_that_the_model_cannot_say_and_is_all_of_a_text_is_there_whatever_it_says() -> None:
    terminology = Terminology(VOICE, protects=False, glossaries=[Phrases([("house", "dům")])])
    marked = terminology.mark("house!")
    assert marked is not None
    assert (marked.faults("Haus"), marked.settle("Haus").text) == (0, "dům!")


def test_one_place_has_one_mark() -> None:
    terminology = Terminology(
        VOICE,
        protects=True,
        kept=["New York", "name"],
        glossaries=[Phrases([("York", "Yorck"), ("name", "Name")])],
    )
    marked = terminology.mark("{name} of New York, York")
    assert marked is not None
    assert [required.is_only for required in marked.required()] == [True, False, False]
    assert marked.faults("X47 New York Yorck") == 0
    assert marked.faults("X47 New York York") == 1


def in_branch(text: str, said: str, kept: Sequence[str] = ()) -> tuple[str, str]:
    """What the model is given of a branch of a plural, and what comes of what it says."""
    marked = Terminology(VOICE, protects=True, kept=kept).in_branch(has_number=True).mark(text)
    assert marked is not None
    return marked.text, marked.settle(said).text


def test_a_branch_is_read_without_quotes_and_written_with_them() -> None:
    assert in_branch("It''s open", "C'est {ouvert} #1") == ("It's open", "C''est '{'ouvert'}' '#'1")
    assert in_branch("# file''s '{x}' in `{y`} {z}", "l'X14 X79 X47 d'X17") == (
        "X47 file's X79 in X14 X17",
        "l''`{y`} '{x}' # d''{z}",
    )
    assert in_branch("# - {x}!", "anything") == ("X47 - X79!", "# - {x}!")


def test_phrases_that_stay_in_a_branch_are_written_as_they_were() -> None:
    given, written = in_branch("O''Neil and # more", "# O'Neil, 'X47'", kept=["O''Neil"])
    assert given == "O'Neil and X47 more"
    assert written == "'#' O''Neil, ''#''"
