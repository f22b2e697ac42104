import numpy as np
import pytest

from dragoman_server.search.candidates import Candidates
from dragoman_server.search.rows import Move
from dragoman_server.search.search import Search
from dragoman_server.sequence import (
    Completion,
    FinishReason,
    Sequence,
    TranslationOptions,
)
from tests.server.engine.fakes import END_ID, START_ID, sequence


class Bench:
    """A search over greedy sequences with sources of the given lengths."""

    def __init__(
        self,
        *lengths: int,
        max_length: int = 100,
        min_length: int = 0,
        return_scores: bool = True,
        rows: int = 1,
    ) -> None:
        self.search = Search(max_rows=8, max_length=100, decoder_start_id=START_ID, end_id=END_ID)
        self.sequences = [
            sequence(
                [1] * length,
                max_length=max_length,
                min_length=min_length,
                return_scores=return_scores,
                rows=rows,
            )
            for length in lengths
        ]
        self.search.admit(self.sequences)

    def step(
        self, *rows: list[int], logit: float = -1.0, normalizer: float = 0.0
    ) -> list[Sequence]:
        """Proposes candidates for each row; returns the sequences that end."""
        return [each for each, _ in self.finish(*rows, logit=logit, normalizer=normalizer)]

    def finish(
        self, *rows: list[int], logit: float = -1.0, normalizer: float = 0.0
    ) -> list[tuple[Sequence, Completion]]:
        """The same; returns their completions too."""
        ids = np.array(rows, np.int64)
        logits = np.tile(logit - np.arange(ids.shape[1]), (len(rows), 1)).astype(np.float32)
        normalizers = np.full(len(rows), normalizer, np.float32)
        return self.search.advance(Candidates(ids, logits, normalizers)).finished


def test_a_new_row_is_fed_the_start_token_at_position_0() -> None:
    search = Bench(3, 5).search
    assert search.token_ids.tolist() == [START_ID, START_ID]
    assert search.positions.tolist() == [0, 0]
    assert search.source_last.tolist() == [2, 4]


def test_a_chosen_token_is_fed_next() -> None:
    bench = Bench(3, 5)
    assert bench.step([7], [8]) == []
    assert bench.search.token_ids.tolist() == [7, 8]
    assert bench.search.positions.tolist() == [1, 1]
    assert bench.search.tokens(bench.sequences[1]) == [8]


def test_the_end_token_completes_a_row() -> None:
    bench = Bench(3, 5)
    bench.step([7], [8])
    ((ended, completion),) = bench.finish([END_ID], [9])
    assert ended is bench.sequences[0]
    assert completion[:2] == ([7], FinishReason.STOP)


def test_a_full_row_is_cut_visibly() -> None:
    bench = Bench(3, max_length=1)
    bench.step([7])
    ((_, completion),) = bench.finish([8])
    assert completion[:2] == ([7], FinishReason.LENGTH)


def test_a_translation_of_exactly_the_longest_length_is_complete() -> None:
    bench = Bench(3, max_length=1)
    bench.step([7])
    ((_, completion),) = bench.finish([END_ID])
    assert completion[:2] == ([7], FinishReason.STOP)


def test_the_end_token_is_passed_over_until_the_shortest_length() -> None:
    bench = Bench(3, min_length=1)
    assert bench.search.candidate_count == 2
    assert bench.step([END_ID, 4]) == []
    assert bench.search.tokens(bench.sequences[0]) == [4]
    assert bench.search.candidate_count == 1
    assert bench.step([END_ID]) == bench.sequences


def test_the_score_is_the_mean_log_probability() -> None:
    bench = Bench(3)
    assert bench.search.wants_normalizers
    bench.step([7], logit=-1.0, normalizer=0.5)
    ((_, completion),) = bench.finish([END_ID], logit=-2.0, normalizer=0.5)
    assert completion.score == pytest.approx((-1.5 - 2.5) / 2)


def test_the_score_of_a_cut_translation_leaves_the_unused_token_out() -> None:
    bench = Bench(3, max_length=1)
    bench.step([7], logit=-1.0)
    ((_, completion),) = bench.finish([8], logit=-50.0)
    assert completion.score == pytest.approx(-1.0)


def test_no_score_where_none_is_asked_for() -> None:
    bench = Bench(3, return_scores=False)
    assert not bench.search.wants_normalizers
    ((_, completion),) = bench.finish([END_ID])
    assert completion.score is None


def test_released_rows_are_filled_from_the_end() -> None:
    bench = Bench(1, 2, 3, 4)
    first, second, third, fourth = bench.sequences
    bench.step([11], [12], [13], [14])
    assert bench.search.release([first, third]) == [Move(3, 2, 1, 4), Move(2, 0, 1, 4)]
    assert bench.search.sequences == [second, fourth]
    assert bench.search.token_ids.tolist() == [14, 12]
    assert bench.search.tokens(fourth) == [14]


def test_releasing_the_last_rows_moves_nothing() -> None:
    bench = Bench(1, 2, 3)
    assert bench.search.release(bench.sequences[1:]) == []
    assert bench.search.rows == 1


def test_a_reused_row_remembers_nothing() -> None:
    bench = Bench(1)
    bench.step([7], logit=-9.0)
    bench.search.release(bench.sequences)
    newcomer = sequence([1, 1])
    bench.search.admit([newcomer])
    assert bench.search.tokens(newcomer) == []
    ((_, completion),) = bench.finish([END_ID], logit=-1.0)
    assert completion.score == pytest.approx(-1.0)


def test_a_beam_reserves_its_rows_and_needs_twice_as_many_candidates() -> None:
    bench = Bench(3, rows=4)
    assert (bench.search.rows, bench.search.reserved_rows) == (1, 4)
    assert bench.search.candidate_count == 8
    assert bench.search.wants_normalizers
    bench.search.release(bench.sequences)
    assert (bench.search.rows, bench.search.reserved_rows) == (0, 0)


def test_a_beam_gets_its_rows_from_its_first_continuations() -> None:
    bench = Bench(3, 2, rows=2)
    ids, logits = np.array([[5, 6, 7, 8]] * 2), np.array([[4.0, 3, 2, 1]] * 2, np.float32)
    advance = bench.search.advance(Candidates(ids, logits, np.zeros(2, np.float32)))
    assert advance.forks == [Move(1, 2, 1, 2), Move(0, 3, 1, 3)]
    assert advance.copies == []
    assert bench.search.token_ids.tolist() == [5, 5, 6, 6]
    assert (bench.search.rows, bench.search.reserved_rows) == (4, 4)


def test_a_beam_that_ends_with_its_first_token_never_gets_them() -> None:
    bench = Bench(3, 3, max_length=0, rows=2)
    ids, zeros = np.array([[5, 6, 7, 8]] * 2), np.zeros((2, 4), np.float32)
    advance = bench.search.advance(Candidates(ids, zeros, zeros[:, 0]))
    assert {each for each, _ in advance.finished} == set(bench.sequences)
    assert advance.forks == []
    assert bench.search.release(bench.sequences[:1]) == [Move(1, 0, 0, 3)]
    assert (bench.search.rows, bench.search.reserved_rows) == (1, 2)


def test_a_prefix_is_fed_to_one_row_of_a_beam() -> None:
    search = Search(max_rows=8, max_length=100, decoder_start_id=START_ID, end_id=END_ID)
    options = TranslationOptions(100, beam_size=3, target_prefix=(8, 9))
    search.admit([Sequence([1], options)])
    ids, logits = np.array([[5, 6, 7, 4, 3, 2]]), np.array([[6, 5, 4, 3, 2, 1]], np.float32)
    candidates = Candidates(ids, logits, np.zeros(1, np.float32))
    for token in (8, 9):
        assert search.advance(candidates).forks == []
        assert search.token_ids.tolist() == [token]
    assert search.advance(candidates).forks == [Move(0, 1, 3, 1), Move(0, 2, 3, 1)]
    assert search.token_ids.tolist() == [5, 6, 7]


def test_a_further_child_copies_what_its_row_has_not_said() -> None:
    bench = Bench(3, rows=2)
    best = np.array([[5, 6, 7, 8]] * 2)
    zeros = np.zeros(2, np.float32)
    second_only = np.array([[-9.0, -9, -9, -9], [5, 4, -9, -9]], np.float32)
    bench.search.advance(Candidates(best, np.array([[4.0, 3, 2, 1]] * 2, np.float32), zeros))
    (copies,) = bench.search.advance(Candidates(best, second_only, zeros)).copies
    assert [array.tolist() for array in copies] == [[1], [0], [1]]
    # Now both begin with 6; they part after it.
    (copies,) = bench.search.advance(Candidates(best, second_only, zeros)).copies
    assert copies.positions.tolist() == [2]
    assert bench.search.tokens(bench.sequences[0])[:1] == [6]


def test_a_first_child_stays_in_its_parents_row() -> None:
    bench = Bench(3, rows=2)
    best = np.array([[5, 6, 7, 8]] * 2)
    bench.search.advance(
        Candidates(best, np.array([[4.0, 3, 2, 1]] * 2, np.float32), np.zeros(2, np.float32))
    )
    # Both hypotheses go on, the second one now better: their order changes, no row is copied.
    logits = np.array([[0.0, -9, -9, -9], [5, -9, -9, -9]], np.float32)
    advance = bench.search.advance(Candidates(best, logits, np.zeros(2, np.float32)))
    assert advance.copies == []
    assert bench.search.tokens(bench.sequences[0]) == [6, 5]
    assert bench.search.token_ids.tolist() == [5, 5]
