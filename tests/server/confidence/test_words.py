import math

import pytest

from dragoman_server.confidence.words import SaidWord, words_said


def shown(text: str, words: list[SaidWord]) -> list[tuple[str, float]]:
    """Each word, and the probability of its tokens."""
    odds = [(text[word.begin : word.end], math.exp(word.features.log_odds)) for word in words]
    return [(word, round(each / (1 + each), 3)) for word, each in odds]


def said(text: str, spans: list[tuple[int, int]], *probabilities: float, told: int = 0) -> object:
    scores = [math.log(each) for each in probabilities]
    return shown(text, list(words_said(text, spans, scores, told=told, sentence_log_odds=0.0)))


def test_a_word_is_as_likely_as_all_of_its_tokens() -> None:
    spans = [(0, 2), (2, 4), (5, 7), (7, 8)]
    assert said("abcd ef.", spans, 0.5, 0.5, 0.8, 0.9) == [("abcd", 0.25), ("ef", 0.8), (".", 0.9)]


def test_a_token_of_two_words_counts_for_both() -> None:
    assert said("中国a", [(0, 2), (2, 3)], 0.5, 0.8) == [("中", 0.5), ("国", 0.5), ("a", 0.8)]


def test_words_that_nobody_chose_are_left_out() -> None:
    spans = [(0, 1), (2, 3), (3, 4), (5, 6)]
    assert said("a bc d", spans, 1.0, 0.5, 0.5, 0.8, told=1) == [("bc", 0.25), ("d", 0.8)]
    assert said("a bc d", spans, 1.0, 1.0, 0.5, 0.8, told=2) == [("d", 0.8)]  # half of bc is told


def test_words_without_tokens_are_left_out() -> None:
    assert said("a b", [(0, 1), (0, 0)], 0.5, 0.5) == [("a", 0.5)]
    assert said("", [], 0.5) == []


@pytest.mark.parametrize("text", ["😀", "…", "e\u0301"])
def test_marks_and_emoji_are_words_of_their_own(text: str) -> None:
    assert said(text, [(0, len(text))], 0.5) == [(text, 0.5)]
