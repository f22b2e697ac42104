import math

import pytest

from dragoman_server.confidence.features import (
    LEAST_PROBABILITY,
    Said,
    log_length_ratio,
    sentence_features,
    word_features,
)


def test_a_sentence_is_what_its_tokens_are_in_the_mean_and_how_long_it_is() -> None:
    said = Said([math.log(0.9), math.log(0.7)], source_tokens=2, target_tokens=4)
    features = sentence_features(said, math.log(3))
    assert features.log_odds == pytest.approx(math.log(0.8 / 0.2))
    assert features.log_length == pytest.approx(math.log(4))
    assert features.log_length_ratio == pytest.approx(math.log(2))
    assert features.length_deviation == pytest.approx(math.log(3 / 2))


def test_a_word_is_what_its_tokens_are_together() -> None:
    features = word_features([math.log(0.5), math.log(0.5)], 1.5, 3)
    assert features.log_odds == pytest.approx(math.log(1 / 3))
    assert features.sentence_log_odds == 1.5
    assert features.log_characters == pytest.approx(math.log(3))


def test_what_is_certain_or_impossible_counts_no_more_than_what_could_be_measured() -> None:
    bound = math.log((1 - LEAST_PROBABILITY) / LEAST_PROBABILITY)
    assert word_features([0.0], 0.0, 1).log_odds == pytest.approx(bound)
    assert word_features([-1e9], 0.0, 1).log_odds == pytest.approx(-bound)
    assert sentence_features(Said([1e-7], 1, 1), 0.0).log_odds == pytest.approx(bound)


def test_nothing_is_as_long_as_one_token() -> None:
    assert log_length_ratio(Said([-1.0], 0, 0)) == 0.0
    assert sentence_features(Said([-1.0], 0, 0), 0.0).log_length == 0.0
