import numpy as np
import pytest

from dragoman_server.search import Candidates, Move, Search
from dragoman_server.sequence import FinishReason
from tests.server.engine.fakes import END_ID, START_ID, sequence


def search(
    *lengths: int, max_length: int = 100, min_length: int = 0, return_scores: bool = True
) -> Search:
    subject = Search(max_rows=8, max_length=100, decoder_start_id=START_ID, end_id=END_ID)
    subject.admit(
        [
            sequence(
                [1] * length,
                max_length=max_length,
                min_length=min_length,
                return_scores=return_scores,
            )
            for length in lengths
        ]
    )
    return subject


def candidates(*rows: list[int], logit: float = -1.0, normalizer: float = 0.0) -> Candidates:
    ids = np.array(rows, np.int64)
    logits = logit - np.arange(ids.shape[1], dtype=np.float32) * np.ones(ids.shape, np.float32)
    return Candidates(ids, logits.astype(np.float32), np.full(len(rows), normalizer, np.float32))


def test_a_new_row_is_fed_the_start_token_at_position_0() -> None:
    subject = search(3, 5)
    assert subject.token_ids.tolist() == [START_ID, START_ID]
    assert subject.positions.tolist() == [0, 0]
    assert subject.source_last.tolist() == [2, 4]


def test_a_chosen_token_is_fed_next() -> None:
    subject = search(3, 5)
    assert subject.advance(candidates([7], [8])).tolist() == []
    assert subject.token_ids.tolist() == [7, 8]
    assert subject.positions.tolist() == [1, 1]
    assert subject.tokens(1) == [8]


def test_the_end_token_completes_a_row() -> None:
    subject = search(3, 5)
    subject.advance(candidates([7], [8]))
    assert subject.advance(candidates([END_ID], [9])).tolist() == [0]
    assert subject.completion(0)[:2] == ([7], FinishReason.STOP)


def test_a_full_row_is_cut_visibly() -> None:
    subject = search(3, max_length=1)
    subject.advance(candidates([7]))
    assert subject.advance(candidates([8])).tolist() == [0]
    assert subject.completion(0)[:2] == ([7], FinishReason.LENGTH)


def test_a_translation_of_exactly_the_longest_length_is_complete() -> None:
    subject = search(3, max_length=1)
    subject.advance(candidates([7]))
    assert subject.advance(candidates([END_ID])).tolist() == [0]
    assert subject.completion(0)[:2] == ([7], FinishReason.STOP)


def test_the_end_token_is_passed_over_until_the_shortest_length() -> None:
    subject = search(3, min_length=1)
    assert subject.candidate_count == 2
    assert subject.advance(candidates([END_ID, 4])).tolist() == []
    assert subject.tokens(0) == [4]
    assert subject.candidate_count == 1
    assert subject.advance(candidates([END_ID])).tolist() == [0]


def test_the_score_is_the_mean_log_probability() -> None:
    subject = search(3)
    assert subject.wants_normalizers
    subject.advance(candidates([7], logit=-1.0, normalizer=0.5))
    subject.advance(candidates([END_ID], logit=-2.0, normalizer=0.5))
    assert subject.completion(0).score == pytest.approx((-1.5 - 2.5) / 2)


def test_the_score_of_a_cut_translation_leaves_the_unused_token_out() -> None:
    subject = search(3, max_length=1)
    subject.advance(candidates([7], logit=-1.0))
    subject.advance(candidates([8], logit=-50.0))
    assert subject.completion(0).score == pytest.approx(-1.0)


def test_no_score_where_none_is_asked_for() -> None:
    subject = search(3, return_scores=False)
    assert not subject.wants_normalizers
    subject.advance(candidates([END_ID]))
    assert subject.completion(0).score is None


def test_released_rows_are_filled_from_the_end() -> None:
    subject = search(1, 2, 3, 4)
    owners = list(subject.sequences)
    subject.advance(candidates([11], [12], [13], [14]))
    assert subject.release([0, 2]) == [Move(3, 2, 1, 4), Move(2, 0, 1, 4)]
    assert subject.sequences == [owners[3], owners[1]]
    assert subject.token_ids.tolist() == [14, 12]
    assert subject.tokens(0) == [14]


def test_releasing_the_last_rows_moves_nothing() -> None:
    subject = search(1, 2, 3)
    assert subject.release([1, 2]) == []
    assert subject.rows == 1


def test_a_reused_row_remembers_nothing() -> None:
    subject = search(1, min_length=0)
    subject.advance(candidates([7], logit=-9.0))
    subject.release([0])
    subject.admit([sequence([1, 1])])
    assert subject.tokens(0) == []
    subject.advance(candidates([END_ID], logit=-1.0))
    assert subject.completion(0).score == pytest.approx(-1.0)
