"""Parts of sources that nothing stands for."""

import numpy as np
import pytest

from dragoman.alignment import words_of
from dragoman_server.quality import uncovered

SOURCE = "one two three four five six seven eight ."


def lost(covered: list[int], source: str = SOURCE, share: float = 1.0) -> str:
    """What is lost where each target word comes from one of these source words."""
    target = " ".join(f"w{number}" for number in range(len(covered)))
    spans = words_of(source)
    weights = np.zeros((len(covered), len(spans)), np.float32)
    for word, of in enumerate(covered):
        weights[word, of] = share
        weights[word, covered[0]] += 1 - share
    span = uncovered(source, target, weights, spans, words_of(target))
    return "" if span is None else source[span.begin : span.end]


@pytest.mark.parametrize(
    ("covered", "part"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], ""),
        ([0, 1, 3, 5, 7, 8], ""),
        ([0, 1, 2, 3, 8], "five six seven eight"),
        ([4, 5, 6, 7], "one two three four"),
        ([0, 1, 6, 7, 8], "three four five six"),
        ([0, 1, 2, 4, 8], ""),
    ],
)
def test_several_words_in_a_row_are_lost_and_single_ones_are_not(
    covered: list[int], part: str
) -> None:
    assert lost(covered) == part


def test_a_little_attention_covers_nothing() -> None:
    assert lost([0, 4, 5, 6, 7], share=0.15) == "two three four five six seven eight"
    assert lost([0, 4, 5, 6, 7], share=0.5) == ""


def test_a_small_part_of_a_long_source_may_be_left_out() -> None:
    words = " ".join(f"word{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(60))
    assert lost([*range(30), *range(36, 60)], words) == ""
    assert lost(list(range(30)), words).startswith("wordbe")


def test_numbers_and_marks_are_no_words() -> None:
    assert lost([0, 1], "one two 3 4 5 6 , . !") == ""


def test_a_translation_of_nothing_loses_all() -> None:
    weights = np.zeros((0, 9), np.float32)
    span = uncovered(SOURCE, "", weights, words_of(SOURCE), [])
    assert span is not None
    assert SOURCE[span.begin : span.end] == "one two three four five six seven eight"
