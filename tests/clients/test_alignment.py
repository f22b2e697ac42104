import numpy as np
import pytest

from dragoman.alignment import Link, Side, align, words_of


def words(text: str) -> list[str]:
    return [text[begin:end] for begin, end in words_of(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \t\n", []),
        ("Hello, world!", ["Hello", ",", "world", "!"]),
        ("  isn't it 3.2 % ?", ["isn't", "it", "3.2", "%", "?"]),
        ("“Ja”, sagt Ute-Eva.", ["“", "Ja", "”", ",", "sagt", "Ute-Eva", "."]),
        ("cafe\u0301 e\u0301te\u0301", ["cafe\u0301", "e\u0301te\u0301"]),
        ("漢字 かな。", ["漢", "字", "か", "な", "。"]),
        ("우리는 학교에", ["우리는", "학교에"]),
        ("🚲 👩\u200d🚀!", ["🚲", "👩\u200d", "🚀", "!"]),
        ("स्टेशन कहाँ है?", ["स्टेशन", "कहाँ", "है", "?"]),
        ("...", [".", ".", "."]),
        ("a.", ["a", "."]),
    ],
)  # fmt: skip
def test_words_are_runs_of_letters_single_marks_and_single_characters_of_chinese(
    text: str, expected: list[str]
) -> None:
    assert words(text) == expected


def test_words_cover_all_that_is_no_space_whatever_the_text() -> None:
    text = "".join(map(chr, range(32, 0x3000, 7))) + " \U0001f6b2\U0001f469"
    covered = {at for begin, end in words_of(text) for at in range(begin, end)}
    assert {at for at, character in enumerate(text) if not character.isspace()} <= covered


def test_tokens_of_a_word_are_added_up_and_the_end_of_the_source_does_not_count() -> None:
    source = Side([(0, 3), (4, 9)], [(0, 3), (3, 7), (7, 9), (0, 0)])
    target = Side([(0, 4), (5, 9)], [(0, 2), (2, 4), (4, 9)])
    weights = np.array(
        [[0.1, 0.05, 0.05, 0.8], [0.8, 0.1, 0.1, 0.0], [0.02, 0.3, 0.18, 0.5]], np.float32
    )
    links = align(weights, source, target)
    assert [(link.source, link.target, link.is_hard) for link in links] == [
        (0, 0, True), (1, 0, False), (1, 1, True),
    ]  # fmt: skip
    assert [link.weight for link in links] == pytest.approx([0.65, 0.35, 0.96])


def test_a_word_may_stand_for_two() -> None:
    side = Side([(0, 1), (1, 2)], [(0, 1), (1, 2)])
    links = align(np.array([[0.55, 0.45]], np.float32), side, Side([(0, 1)], [(0, 1)]))
    assert [(link.source, link.is_hard) for link in links] == [(0, True), (1, True)]


def test_what_attends_to_nothing_has_no_links() -> None:
    nowhere = Side([(0, 1)], [(0, 0)])
    one = Side([(0, 1)], [(0, 1)])
    assert align(np.ones((1, 1), np.float32), nowhere, one) == []
    assert align(np.ones((1, 1), np.float32), one, nowhere) == []
    assert align(np.zeros((0, 3), np.float32), Side([], [(0, 0)] * 3), Side([], [])) == []
    assert align(np.ones((1, 1), np.float32), one, one) == [Link(0, 0, 1.0, is_hard=True)]
