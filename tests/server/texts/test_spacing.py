import pytest

from dragoman_server.texts import Spacing


@pytest.mark.parametrize("gap", [" ", "  ", "\n\n", "\t", "\n - ", " 😀 "])
def test_what_the_source_has_is_kept(gap: str) -> None:
    assert Spacing("de").between(gap, ".") == gap


@pytest.mark.parametrize("before", ["。", "！", "字", "」"])
def test_a_space_is_put_where_the_source_needs_none(before: str) -> None:
    assert Spacing("en").between("", before) == " "
    assert Spacing("ja").between("", before) == ""


def test_parts_of_a_word_stay_together() -> None:
    assert Spacing("en").between("", "a") == ""


@pytest.mark.parametrize("language", ["zh", "ja", "yue"])
def test_a_single_space_is_left_out_where_the_target_has_none(language: str) -> None:
    assert Spacing(language).between(" ", ".") == ""
    assert Spacing(language).between("\n", ".") == "\n"


def test_thai_has_spaces_between_sentences() -> None:
    assert Spacing("th").between(" ", ".") == " "
