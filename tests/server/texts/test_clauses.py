import pytest

from dragoman_server.texts import Span, halves


def cut(text: str) -> tuple[str, str]:
    first, second = halves(text, Span(0, len(text)))
    return text[first.begin : first.end], text[second.begin : second.end]


@pytest.mark.parametrize("mark", [";", ":", ",", " –", "，", "、", "；", "،", "؛", "।"])
def test_a_clause_mark_goes_before_white_space(mark: str) -> None:
    assert cut(f"one two three{mark} four five six seven") == (
        f"one two three{mark}",
        "four five six seven",
    )


def test_the_mark_nearest_the_middle_is_taken() -> None:
    assert cut("a b c, d e f, g h i, j k l") == ("a b c, d e f,", "g h i, j k l")


def test_no_number_is_cut_at_its_marks() -> None:
    assert cut("it is 10:30 or 1,000 by now") == ("it is 10:30", "or 1,000 by now")


def test_a_mark_near_an_end_does_not_count() -> None:
    assert cut("So, one two three four five six") == ("So, one two", "three four five six")


def test_what_has_no_space_is_cut_between_characters() -> None:
    assert cut("abcdefgh") == ("abcd", "efgh")
    assert cut("ab") == ("a", "b")


def test_no_character_is_cut_from_its_marks() -> None:
    first, second = cut("eeee\u0301\u0302ffff")
    assert second.startswith("f") or first.endswith("e")
    assert not second.startswith(("\u0301", "\u0302"))
    assert cut("aa👩‍👩‍👧bb") in {("aa", "👩‍👩‍👧bb"), ("aa👩‍👩‍👧", "bb")}


@pytest.mark.parametrize("pattern", ["a", "a ", "a, ", "\u0301", "，", "ab;", "a;;; "])
def test_parts_always_become_shorter_and_nothing_is_lost(pattern: str) -> None:
    text = (pattern * 500)[:999].strip()
    pending, found = [Span(0, len(text))], []
    while pending:
        span = pending.pop()
        if span.end - span.begin < 2:
            found.append(span)
            continue
        parts = halves(text, span)
        assert all(0 < part.end - part.begin < span.end - span.begin for part in parts)
        pending += parts
    kept = {index for span in found for index in range(span.begin, span.end)}
    assert "".join(text[index] for index in range(len(text)) if index not in kept).strip() == ""
