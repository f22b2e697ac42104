"""Sources that come out as they went in."""

import pytest

from dragoman_server.quality import echoed

SOURCE = "The old bridge over the river was closed in March."


@pytest.mark.parametrize(
    ("target", "source"),
    [
        (SOURCE, SOURCE),
        ("The old bridge over the river was closed im März.", SOURCE),
        ("the old bridge over the river was closed in march", SOURCE.upper()),
        ("我喜欢读书。", "我喜欢读书。"),
    ],
)
def test_the_source_again_is_a_fault(target: str, source: str) -> None:
    assert echoed(target, source)


@pytest.mark.parametrize(
    ("target", "source"),
    [
        ("Die alte Brücke über den Fluss wurde im März gesperrt.", SOURCE),
        ("John Smith, New York", "John Smith, New York"),
        ("https://example.org/the-old-bridge", "https://example.org/the-old-bridge"),
        ("Version 2.4.1 (2026-11-29)", "Version 2.4.1 (2026-11-29)"),
        ("in the", "in the"),
        ("Land Rover Rally Series angekündigt", "Land Rover rally series announced"),
        ("Die Hand ist warm.", "The hand is warm."),
        ("", SOURCE),
        ("x x x x x x", "x x x x x x"),
        ("ha ha ha ha", "ha ha ha ha"),
        ("the the the the the the", SOURCE),
    ],
)
def test_names_addresses_and_words_of_both_languages_are_none(target: str, source: str) -> None:
    assert not echoed(target, source)
