import pytest

from dragoman_server.texts import Span, Unbroken, halves


def kept(text: str, *parts: str) -> Unbroken:
    return Unbroken([Span(text.index(part), text.index(part) + len(part)) for part in parts])


def cut(text: str, *parts: str) -> tuple[str, str]:
    first, second = halves(text, Span(0, len(text)), kept(text, *parts))
    return text[first.begin : first.end], text[second.begin : second.end]


def test_only_what_is_within_a_part_breaks_it() -> None:
    unbroken = kept("ab{c}de", "{c}")
    assert [unbroken.around(place) is not None for place in range(8)] == [
        *(False, False, False),
        *(True, True),
        *(False, False, False),
    ]
    assert Unbroken().around(0) is None


def test_spans_that_would_break_a_part_become_one() -> None:
    text = "One {a. b} two. Three. `x` Four"
    ends = ["One {a.", "b} two.", "Three.", "Four"]
    spans = [Span(text.index(each), text.index(each) + len(each)) for each in ends]
    joined = kept(text, "{a. b}", "`x`").joined(spans)
    assert [text[span.begin : span.end] for span in joined] == ["One {a. b} two.", "Three.", "Four"]


def test_a_span_that_begins_within_a_part_begins_with_it() -> None:
    text = "``` a b``` c"
    (span,) = kept(text, "``` a b```").joined([Span(4, len(text))])
    assert span == Span(0, len(text))


@pytest.mark.parametrize(
    ("text", "parts", "expected"),
    [
        ("a b c {d, e, f} g h i", ["{d, e, f}"], ("a b c", "{d, e, f} g h i")),
        ("I like New York a lot", ["New York"], ("I like", "New York a lot")),
        ("ab{cdefghijklm}n", ["{cdefghijklm}"], ("ab", "{cdefghijklm}n")),
        ("aaaa{b}{c}dddd", ["{b}", "{c}"], ("aaaa{b}", "{c}dddd")),
        ("{a, b, c, d}", ["{a, b, c, d}"], ("{a, b,", "c, d}")),
    ],
)
def test_a_cut_goes_around_what_is_unbroken_unless_that_is_all(
    text: str, parts: list[str], expected: tuple[str, str]
) -> None:
    assert cut(text, *parts) == expected
