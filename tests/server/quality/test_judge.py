"""All that is wrong with a translation."""

import random

import pytest

from dragoman_server.quality import (
    REASONS,
    Expected,
    Fault,
    Judge,
    LengthNorm,
    Sentence,
)
from tests.server.quality.test_language import Guesser

EXPECTED = Expected(LengthNorm(0.0, 0.2), "latn", frozenset({"de"}), by_words=False, is_other=True)
GOOD = "Die alte Brücke über den großen Fluss wurde im letzten März gesperrt."
SOURCE = "The old bridge over the large river was closed last March."

Vocabulary = list[str]


def sentence(source: str, target: str) -> tuple[Sentence, Vocabulary]:
    words: Vocabulary = sorted({*source.split(), *target.split()})
    ids = [[words.index(word) for word in text.split()] for text in (source, target)]
    return Sentence(source, ids[0], target, ids[1]), words


def faults(
    source: str, target: str, expected: Expected = EXPECTED, guesser: Guesser | None = None
) -> tuple[Fault, ...]:
    given, words = sentence(source, target)
    judge = Judge(expected, lambda ids: " ".join(words[i] for i in ids), guesser)
    return judge.faults(given)


def reasons(source: str, target: str, **more: object) -> list[str]:
    return [fault.reason for fault in faults(source, target, **more)]  # type: ignore[arg-type]


def test_a_good_translation_has_no_fault() -> None:
    assert faults(SOURCE, GOOD, guesser=Guesser(de=1.0)) == ()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (GOOD + " im letzten" * 3, ["REPETITION"]),
        ("Die", ["LENGTH_RATIO"]),
        (SOURCE, ["SOURCE_ECHOED"]),
        ("Старый мост через реку был закрыт в марте прошлого года", ["WRONG_SCRIPT"]),
        ("... " * 9, []),
    ],
)
def test_each_fault_has_its_reason(target: str, expected: list[str]) -> None:
    assert reasons(SOURCE, target) == expected
    assert set(expected) <= set(REASONS)


def test_messages_say_what_there_is_and_what_is_usual() -> None:
    (repetition,) = faults(SOURCE, GOOD + " im letzten" * 3)
    assert repetition.message == "'im letzten' is said 3 times in a row"
    (length,) = faults(SOURCE, "Die")
    assert length.message == (
        "the translation has 1 tokens, where 2 to 30 are plausible for 11 source tokens"
    )


def test_babble_is_a_repetition_too() -> None:
    chance = random.Random(1)
    target = " ".join(chance.choices(["das", "die", "der", "dem"], k=28))
    (fault,) = faults(SOURCE, target)
    assert fault == Fault("REPETITION", "24 tokens in a row are only 4 different ones")


def test_of_bytes_it_is_words_that_are_said_again() -> None:
    expected = EXPECTED._replace(by_words=True, norm=LengthNorm(0.0, 1.0))

    def found(target: str) -> tuple[Fault, ...]:
        given = Sentence(SOURCE, list(SOURCE.encode()), target, list(target.encode()))
        return Judge(expected, lambda ids: bytes(ids).decode()).faults(given)

    assert found("Couscous mit Mama") == ()
    (fault,) = found(GOOD + " im letzten" * 3)
    assert fault.message == "'im letzten' is said 3 times in a row"


def test_another_language_is_a_fault_where_anybody_guesses_and_knows_its_own() -> None:
    french = Guesser(fr=1.0)
    assert reasons(SOURCE, GOOD, guesser=french) == ["WRONG_LANGUAGE"]
    assert reasons(SOURCE, GOOD) == []
    unknown = EXPECTED._replace(languages=frozenset())
    assert reasons(SOURCE, GOOD, expected=unknown, guesser=french) == []


def test_a_source_that_may_be_in_the_targets_language_may_come_out_again() -> None:
    assert reasons(SOURCE, SOURCE, expected=EXPECTED._replace(is_other=False)) == []


def test_what_is_invented_is_worse_than_what_is_lost() -> None:
    severities = [Fault(reason, "").severity for reason in REASONS]
    assert min(severities) > 0
    assert Fault("REPETITION", "").severity > Fault("SOURCE_NOT_COVERED", "").severity


def test_short_translations_of_more_than_a_few_tokens_are_worth_aligning() -> None:
    judge = Judge(EXPECTED, str)
    assert judge.may_lack(40, 20)
    assert not judge.may_lack(40, 38)
    assert not judge.may_lack(4, 1)
