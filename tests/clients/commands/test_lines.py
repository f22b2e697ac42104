import io

import pytest

from dragoman.commands.lines import Line, LineNames, encode_line, read_lines


def read(content: bytes) -> list[Line]:
    return list(read_lines(io.BytesIO(content)))


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a\nb\n", ["a", "b"]),
        (b"a\nb", ["a", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a\n\n\nb\n", ["a", "", "", "b"]),
        (b"\xef\xbb\xbfa\nb\n", ["a", "b"]),
        ("a\u2028b\x85c\x0bd\x0ce\x1cf\ng".encode(), ["a\u2028b\x85c\x0bd\x0ce\x1cf", "g"]),
        (b"a\rb\n", ["a\rb"]),
    ],
)
def test_only_a_newline_ends_a_line(content: bytes, texts: list[str]) -> None:
    assert [line.text for line in read(content)] == texts


def test_a_line_that_is_not_utf8_says_where() -> None:
    first, second, third = read(b"good\nb\xffd\ngood\n")
    assert first == third == Line("good")
    assert second == Line("", "is not valid UTF-8: byte 0xff at position 1")


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_of_a_line_that_is_far_too_long_little_is_held(
    end: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dragoman.commands.lines.MAX_LINE_BYTES", 8)
    *lines, last = read(b"1234567\n12345678\nb\n" + b"x" * 3_000_000 + end)
    assert lines == [
        Line("1234567"),
        Line("", "has more than 4,000,000 bytes"),
        Line("b"),
    ]
    assert last == Line("", "has more than 4,000,000 bytes")


def test_a_translation_is_one_line_whatever_is_in_it() -> None:
    assert encode_line("a\nb\r\nc\rd") == b"a b c d\n"


def test_many_numbers_are_shortened() -> None:
    many = LineNames().many
    assert many([1, 2000]) == "lines 1, 2,000"
    assert many(range(1, 1013)) == "lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 1,002 more"
