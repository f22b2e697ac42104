"""What a model can say, and forms of words."""

from collections.abc import Sequence

import pytest

from dragoman_server.terminology.voice import Voice, folded, stem_of

UNKNOWN = 0
PIECES = [
    "?",
    " a",
    " Haus",
    " Hauses",
    " Häuser",
    " haus",
    " Haustür",
    " Ver",
    "trag",
    "träge",
    "s",
]


class Speaker:
    """Says the longest piece that fits, from left to right; a text begins a word."""

    def encode_target(self, text: str) -> list[int]:
        rest, tokens = f" {text}" if text else "", []
        while rest:
            fitting = [i for i, piece in enumerate(PIECES) if i and rest.startswith(piece)]
            best = max(fitting, key=lambda i: len(PIECES[i]), default=UNKNOWN)
            tokens.append(best)
            rest = rest[len(PIECES[best]) if best else 1 :]
        return tokens

    def decode(self, token_ids: Sequence[int]) -> str:
        return "".join(PIECES[i] for i in token_ids if i != UNKNOWN).removeprefix(" ")

    def target_pieces(self) -> dict[int, str]:
        return dict(enumerate(PIECES))


@pytest.fixture
def voice() -> Voice:
    return Voice(Speaker(), UNKNOWN)


def test_what_it_has_tokens_for_it_can_say(voice: Voice) -> None:
    assert voice.say("Haus") == ((2,),)
    assert voice.say("Verträge Haus") == ((7, 9, 2),)


def test_what_it_has_none_for_or_says_otherwise_it_cannot(voice: Voice) -> None:
    assert voice.say("Dach") == ()
    assert voice.say("") == ()
    assert voice.inflect("Dach") == ()


def test_forms_of_a_word_are_tokens_that_begin_as_it_does(voice: Voice) -> None:
    forms = voice.inflect("Haus")
    assert forms[0] == (2,)
    assert set(forms) == {(2,), (3,), (4,), (5,), (6,)}, "longer by three letters at most"


def test_of_a_word_of_several_tokens_those_that_have_its_stem_are_enough(voice: Voice) -> None:
    assert voice.inflect("Vertrags") == ((7, 8),)


def test_stems_lose_endings_capitals_and_marks() -> None:
    assert [stem_of(word) for word in ("Haus", "Tür", "Satz", "Katze", "Lehrerin")] == [
        *("haus", "tur", "satz", "katz", "lehrer"),
    ]
    assert folded("Häuser STRASSE straße") == "hauser strasse strasse"
