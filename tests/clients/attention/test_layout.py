import pytest

from dragoman.attention.layout import label, width


def test_long_tokens_end_with_an_ellipsis() -> None:
    assert label("x" * 16) == "x" * 16
    assert label("x" * 17) == "x" * 15 + "…"


def test_the_longest_label_counts_and_wide_letters_twice() -> None:
    assert width([]) == 0
    assert width(["a", "abc"]) == pytest.approx(3 * width(["a"]))
    assert width(["日本", "abc"]) == pytest.approx(width(["abcd"]))
    assert width(["▁ab"]) == width(["abc"])
