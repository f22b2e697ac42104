"""The units of a text: where another language may begin."""

import pytest

from dragoman_server.detection.units import Border, Unit, letters, units, without_placeholders


def parts(text: str) -> list[str]:
    return [text[unit.begin : unit.end] for unit in units(text)]


def borders(text: str) -> list[Border]:
    return [unit.border for unit in units(text)]


def test_sentences_and_lines_are_units_and_tell_what_is_before_them() -> None:
    text = "- It is cold.  Es ist kalt.\n\n- Fa freddo.\n- 12:30\n- Hace frío."
    assert parts(text) == ["It is cold.", "Es ist kalt.", "Fa freddo.", "Hace frío."]
    assert borders(text)[1:] == [Border.SENTENCE, Border.LINE, Border.LINE]


def test_what_has_no_letters_is_no_unit() -> None:
    assert parts("12:30 … 🙂 — 1 + 1 = 2") == []
    assert parts("") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "He answered slowly: “Ich weiß es nicht genau” and left the house.",
            ["He answered slowly:", "Ich weiß es nicht genau", "and left the house."],
        ),
        (
            "Das steht im Buch (it is in the book, somewhere) und sonst nirgends.",
            ["Das steht im Buch", "it is in the book,", "somewhere", "und sonst nirgends."],
        ),
        (
            "Wir gehen heute – see you tomorrow morning – nach Hause.",
            ["Wir gehen heute", "see you tomorrow morning", "nach Hause."],
        ),
        (
            "Он сказал это now I understand everything",
            ["Он сказал это", "now I understand everything"],
        ),
        ("新しい本です、very interesting stories", ["新しい本です、", "very interesting stories"]),
    ],
)
def test_within_a_sentence_marks_and_scripts_are_borders(text: str, found: list[str]) -> None:
    assert parts(text) == found


def test_the_parts_of_a_sentence_tell_what_is_before_each() -> None:
    text = "Он сказал громко, что ничего не знает now I understand все это хорошо"
    assert borders(text)[1:] == [Border.MARK, Border.SCRIPT, Border.SCRIPT]
    assert {unit.sentence for unit in units(text)} == {(0, len(text))}


@pytest.mark.parametrize(
    "text",
    [
        "He said “no” and left.",
        "The λόγος",
        "iPhone を買いました",
        "1) a, b, c, d, e, f, g, h",
    ],
)
def test_a_few_letters_are_no_part_of_their_own(text: str) -> None:
    assert len(parts(text)) == 1


def test_a_character_of_chinese_counts_as_several_letters() -> None:
    assert letters("abc, 123") == 3
    assert letters("你好 안녕 にち a") == 19


def test_what_no_translator_may_touch_has_no_letters() -> None:
    text = "См. https://example.com/some/path и {user_name}, ola@example.com."
    masked = without_placeholders(text)
    assert len(masked) == len(text)
    assert [character for character in masked if character.isalpha()] == list("Сми")
    assert without_placeholders("nothing") == "nothing"


@pytest.mark.parametrize("text", ["(" * 30_000, "a: " * 10_000, '"a" ' * 7_500, "aд" * 15_000])
def test_a_text_of_nothing_but_borders_has_one_unit_or_none(text: str) -> None:
    found: list[Unit] = list(units(text))
    assert len(found) <= 1
