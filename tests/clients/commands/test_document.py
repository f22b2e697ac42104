"""How a document is cut into parts; that nothing of it is lost."""

import random

import pytest

from dragoman.commands.document import Part, parts_of


def texts(document: str, most: int = 5_000) -> list[str]:
    return [part.text for part in parts_of(document, most) if part.text]


def test_a_paragraph_is_a_part_and_white_space_is_between() -> None:
    document = "\n One.\nTwo.\n\n \t\n  - Three\n\n"
    assert list(parts_of(document, 100)) == [
        Part("\n ", "One.\nTwo.", 2),
        Part("\n\n \t\n  ", "- Three", 6),
        Part("\n\n", "", 8),
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_however_they_end(line_end: str) -> None:
    parts = list(parts_of(line_end.join(["a", "", "b", "c", "", "", "d"]), 100))
    assert [(part.text, part.line) for part in parts] == [
        ("a", 1),
        (f"b{line_end}c", 3),
        ("d", 7),
    ]


@pytest.mark.parametrize("document", ["", " ", "\n\t\n", "\ufeff"])
def test_a_document_without_a_word_has_nothing_to_translate(document: str) -> None:
    assert texts(document) == []
    assert "".join(part.before for part in parts_of(document, 10)) == document


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert list(parts_of("\ufeffOne.", 100)) == [Part("\ufeff", "One.", 1)]


@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        ("one two\nthree four", ["one two", "three four"]),
        ("One. Two three.", ["One.", "Two three."]),
        ("你好。今天天气很好吗我们走吧", ["你好。", "今天天气很好吗我们走吧"]),
        ("one two three", ["one two", "three"]),
        ("one/two/three/four", ["one/two/", "three/four"]),
        ("abcdefghijklmnop", ["abcdefghijkl", "mnop"]),
    ],
)
def test_a_long_paragraph_is_cut_at_lines_then_sentences_then_words(
    paragraph: str, expected: list[str]
) -> None:
    assert texts(paragraph, 12) == expected


@pytest.mark.parametrize("most", [1, 2, 7, 40, 1000])
def test_the_parts_are_the_document_and_none_is_too_long(most: int) -> None:
    generator = random.Random(most)
    pieces = ["a", "word", ". ", "。", "\n", "\r\n", "\n\n", "\t", " ", "😀", "e\u0301", "\u2028"]
    for _ in range(50):
        document = "".join(generator.choices(pieces, k=generator.randrange(60)))
        parts = list(parts_of(document, most))
        assert "".join(part.before + part.text for part in parts) == document
        assert all(len(part.text) <= most for part in parts)
        assert all(part.text == part.text.strip() for part in parts)
        assert not any(part.before.strip() for part in parts)
