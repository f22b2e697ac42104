"""What lists of tokens are made of."""

import numpy as np
import pytest

from dragoman_export.alignment import lexicon
from dragoman_export.alignment.lexicon import Lexicon, make_lexicon
from dragoman_export.alignment.model_1 import TokenPair

END = 0
RED, BLUE, HOUSE, CAR = 1, 2, 3, 4
"""In a source; in a target each is ten more."""

PAIRS = [
    TokenPair([RED, HOUSE, END], [13, 11, END]),
    TokenPair([RED, CAR, END], [14, 11, END]),
    TokenPair([BLUE, HOUSE, END], [13, 12, END]),
    TokenPair([BLUE, CAR, END], [14, 12, END]),
] * 4


def made(*, is_joint: bool = False) -> Lexicon:
    return make_lexicon(PAIRS, source_size=6, target_size=20, end_id=END, is_joint=is_joint)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "FREQUENT", 2)
    monkeypatch.setattr(lexicon, "MOST_TRANSLATIONS", 1)


def test_each_token_has_what_it_is_translated_as() -> None:
    found = made()
    for token in (RED, BLUE, HOUSE, CAR):
        assert found.tokens[found.offsets[token] : found.offsets[token + 1]].tolist() == [
            10 + token
        ]
    assert found.offsets[5] == found.offsets[6]  # a token that no sentence has


def test_a_list_is_of_its_sentence_and_of_what_is_frequent() -> None:
    found = made()
    frequent = set(found.frequent.tolist())
    assert len(frequent) == 2
    assert END in frequent
    listed = found.list_for([RED, CAR, RED])
    assert listed.tolist() == sorted({11, 14} | frequent)
    assert found.list_for([]).tolist() == sorted(frequent)


def test_the_end_is_on_every_list_even_where_nothing_ends() -> None:
    endless = [TokenPair([RED], [11, 11, 12, 13])]
    found = make_lexicon(endless, source_size=6, target_size=20, end_id=END, is_joint=False)
    assert END in found.list_for([CAR])


def test_where_both_sides_share_tokens_each_may_be_copied() -> None:
    found = made(is_joint=True)
    assert {RED, 11} <= set(found.list_for([RED]).tolist())
    assert 5 in found.list_for([5])
    assert np.array_equal(found.list_for([RED]), np.unique(found.list_for([RED])))


def test_the_likeliest_come_first_and_the_unlikely_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lexicon, "MOST_TRANSLATIONS", 10)
    pairs = [TokenPair([RED], [11])] * 3 + [TokenPair([RED], [12])] + [TokenPair([BLUE], [13])]
    found = make_lexicon(pairs, source_size=6, target_size=20, end_id=END, is_joint=False)
    assert found.tokens[found.offsets[RED] : found.offsets[RED + 1]].tolist() == [11, 12]
    monkeypatch.setattr(lexicon, "LEAST_PROBABILITY", 0.5)
    found = make_lexicon(pairs, source_size=6, target_size=20, end_id=END, is_joint=False)
    assert found.tokens[found.offsets[RED] : found.offsets[RED + 1]].tolist() == [11]
