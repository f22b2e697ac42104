"""Sentences of several languages and of hostile texts; sentencex itself is not tested."""

import time

import pytest

from dragoman_server.texts import has_words, is_sentence, sentences
from dragoman_server.texts.sentences import WINDOW


def told(text: str, language: str = "en") -> list[str]:
    return [text[begin:end] for begin, end in sentences(text, language)]


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["Mr. Smith left.", "Did he?", "Yes!"]),
        ("de", ["Am 3. Mai kam Dr. Müller.", "Er ging wieder."]),
        ("fr", ["Où est-il ?", "Il est parti."]),
        ("hi", ["यह एक वाक्य है।", "यह दूसरा है।"]),
        ("ar", ["كيف حالك؟", "أنا بخير."]),
        ("xx", ["It is unknown.", "It is English then."]),
    ],
)
def test_sentences_end_by_the_rules_of_the_language(language: str, expected: list[str]) -> None:
    assert told(" ".join(expected), language) == expected


def test_sentences_need_no_spaces_where_the_script_has_none() -> None:
    assert told("你好。今天天气很好！我们走吧", "zh") == ["你好。", "今天天气很好！", "我们走吧"]


def test_addresses_and_names_with_dots_stay_whole() -> None:
    text = "See www.Example.Com and foo.Bar now."
    assert told(text) == [text]


@pytest.mark.parametrize("text", ["", " \n\t", "***", "---\n...", "😀", "👍🏽 👩‍👩‍👧\n❤️", "“…”"])
def test_there_is_no_sentence_without_letters_or_digits(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize("text", ["a", "5", "Ä", "字", "क"])
def test_a_character_is_a_sentence(text: str) -> None:
    assert told(text) == [text]


def test_emoji_at_the_ends_are_no_part_of_a_sentence() -> None:
    assert told("😀 Good night! 👩‍👩‍👧 Sleep 😴 well 👍🏽\n❤️") == ["Good night!", "Sleep 😴 well"]


def test_a_long_line_has_the_sentences_of_its_windows() -> None:
    expected = [f"This is sentence {number} of very many ones." for number in range(200)]
    assert len(" ".join(expected)) > 5 * WINDOW
    assert told(" ".join(expected)) == expected
    assert told("天气很好。" * 1000, "zh") == ["天气很好。"] * 1000


def test_a_sentence_that_is_longer_than_a_window_stays_whole() -> None:
    long = "word " * WINDOW + "end."
    assert told(f"Before. {long} After.") == ["Before.", long, "After."]
    assert told("x" * 3 * WINDOW) == ["x" * 3 * WINDOW]


def test_a_quick_look_tells_one_sentence_from_several() -> None:
    assert is_sentence("Mr. Smith left.", "en")
    assert not is_sentence("He left. She came.", "en")


HOSTILE = [
    *(
        ". ",
        "a. ",
        "“",
        "(",
        ")(",
        "\u0301",
        "a",
        "\n",
        "a\n",
        "Dr. ",
        '"a." ',
        "好。",
        "😀",
        "?! ",
    ),
    *("- ", "1. ", "> a\n", "\r", "a" * 41 + "\n", "\u200d", "a😀. ", "Hello. “"),
]


@pytest.mark.parametrize("pattern", HOSTILE)
def test_no_text_costs_more_than_its_length_warrants(pattern: str) -> None:
    text = (pattern * 30_000)[:30_000]
    began = time.process_time()
    spans = list(sentences(text, "en"))
    assert time.process_time() - began < 2.0  # a tenth of it on a busy machine
    end = 0
    for span in spans:
        assert end <= span.begin < span.end <= len(text)
        assert has_words(text, span)
        end = span.end
