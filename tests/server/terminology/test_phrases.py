"""Phrases are found in texts."""

from collections.abc import Iterable

from dragoman_server.terminology import Phrases


def found(text: str, phrases: Iterable[str], *, ignore_case: bool = False) -> list[str]:
    finder = Phrases(((each, each) for each in phrases), ignore_case=ignore_case)
    return [each.value for each in finder.find(text)]


def test_the_longest_one_counts() -> None:
    phrases = ["York", "New York", "New York Times", "Times Square"]
    assert found("I read the New York Times Square in New York, York.", phrases) == [
        "New York Times",
        "New York",
        "York",
    ]


def test_a_longer_one_that_goes_on_otherwise_leaves_the_shorter_one() -> None:
    assert found("New York Timer", ["New York", "New York Times"]) == ["New York"]


def test_parts_of_words_are_no_phrases() -> None:
    assert found("Houses, house. Greenhouse house", ["house"]) == ["house", "house"]


def test_case_counts_unless_it_is_ignored() -> None:
    assert found("House and HOUSE", ["house"]) == []
    assert found("House and HOUSE", ["House"]) == ["House"]
    assert found("House and HOUSE", ["house"], ignore_case=True) == ["house", "house"]
    assert found("İstanbul STRASSE", ["strasse"], ignore_case=True) == ["strasse"]


def test_phrases_of_scripts_without_spaces_are_found_anywhere() -> None:
    assert found("我住在北京市", ["北京"]) == ["北京"]


def test_a_phrase_may_begin_and_end_with_punctuation() -> None:
    assert found("Use C++ and .NET now", ["C++", ".NET"]) == ["C++", ".NET"]


def test_of_equal_phrases_the_first_value_counts() -> None:
    assert Phrases([("a", "first"), ("a", "second")]).find("a")[0].value == "first"
