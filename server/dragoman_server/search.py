"""Greedy search over all running rows at once.

Owns what is known of each row between steps, in arrays. Knows nothing of caches, graphs or time.
Active rows are always a prefix: when one ends, the last row moves into the hole.
"""

from collections.abc import Sequence as Rows
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_server.sequence import Completion, FinishReason, Sequence


class Candidates(NamedTuple):
    """What one decoding step proposes, best first."""

    ids: NDArray[np.int64]  # (rows, candidates)
    logits: NDArray[np.float32]  # (rows, candidates)
    log_normalizers: NDArray[np.float32]  # (rows,); log-probability = logit - normalizer


class Move(NamedTuple):
    """The row at `source` goes to `target`, with the live part of its caches."""

    source: int
    target: int
    target_length: int
    """Live positions of the self-attention cache."""
    source_length: int
    """Live positions of the cross-attention cache."""


class Search:
    """The running rows of one engine.

    Args:
        max_rows: Rows that there is room for.
        max_length: Largest max_decoding_length of any sequence.
        decoder_start_id: First token that a row is fed.
        end_id: Token that ends a row.
    """

    def __init__(
        self, *, max_rows: int, max_length: int, decoder_start_id: int, end_id: int
    ) -> None:
        self._start_id, self._end_id = decoder_start_id, end_id
        self.sequences: list[Sequence] = []
        """Owner of each active row."""
        # A row's position is also the number of tokens it has: the start token stands at 0.
        self._positions = np.zeros(max_rows, np.int32)
        self._token_ids = np.zeros(max_rows, np.int64)
        self._source_last = np.zeros(max_rows, np.int32)
        self._min_lengths = np.zeros(max_rows, np.int32)
        self._max_lengths = np.zeros(max_rows, np.int32)
        self._log_probs = np.zeros(max_rows, np.float64)
        self._wants_score = np.zeros(max_rows, np.bool_)
        self._history = np.zeros((max_rows, max_length), np.int64)

    @property
    def rows(self) -> int:
        """Number of active rows."""
        return len(self.sequences)

    @property
    def token_ids(self) -> NDArray[np.int64]:
        """(rows,) tokens to feed next."""
        return self._token_ids[: self.rows]

    @property
    def positions(self) -> NDArray[np.int32]:
        """(rows,) position of that token in the target."""
        return self._positions[: self.rows]

    @property
    def source_last(self) -> NDArray[np.int32]:
        """(rows,) source length minus 1."""
        return self._source_last[: self.rows]

    @property
    def candidate_count(self) -> int:
        """Candidates that the next step needs: two where the end token may be forbidden."""
        rows = self.rows
        return 2 if np.any(self._positions[:rows] < self._min_lengths[:rows]) else 1

    @property
    def wants_normalizers(self) -> bool:
        """Whether any row's score is asked for."""
        return bool(self._wants_score[: self.rows].any())

    def admit(self, sequences: Rows[Sequence]) -> None:
        """Appends a row for each sequence."""
        for row, sequence in enumerate(sequences, start=self.rows):
            options = sequence.options
            self._token_ids[row] = self._start_id
            self._positions[row] = 0
            self._source_last[row] = len(sequence.source_ids) - 1
            self._min_lengths[row] = options.min_decoding_length
            self._max_lengths[row] = options.max_decoding_length
            self._wants_score[row] = options.return_scores
            self._log_probs[row] = 0.0
        self.sequences.extend(sequences)

    def advance(self, candidates: Candidates) -> NDArray[np.intp]:
        """Takes each row's best allowed candidate; returns the rows that end with it.

        A row with max_decoding_length tokens ends whatever its candidate is: an end token makes
        the translation complete, any other shows that its end is missing.
        """
        rows = self.rows
        ids, logits = candidates.ids[:, 0], candidates.logits[:, 0]
        positions = self._positions[:rows]
        if candidates.ids.shape[1] > 1:
            early = (ids == self._end_id) & (positions < self._min_lengths[:rows])
            ids = np.where(early, candidates.ids[:, 1], ids)
            logits = np.where(early, candidates.logits[:, 1], logits)
        ends = ids == self._end_id
        full = positions >= self._max_lengths[:rows]
        self._log_probs[:rows] += np.where(full & ~ends, 0.0, logits - candidates.log_normalizers)
        self._token_ids[:rows] = ids
        goes_on = np.flatnonzero(~(ends | full))
        self._history[goes_on, positions[goes_on]] = ids[goes_on]
        positions[goes_on] += 1
        return np.flatnonzero(ends | full)

    def completion(self, row: int) -> Completion:
        """Returns the translation of a row that `advance` has ended."""
        stopped = bool(self._token_ids[row] == self._end_id)
        tokens = self.tokens(row)
        counted = len(tokens) + stopped
        return Completion(
            tokens,
            FinishReason.STOP if stopped else FinishReason.LENGTH,
            float(self._log_probs[row]) / counted if self._wants_score[row] else None,
        )

    def tokens(self, row: int) -> list[int]:
        """Returns the target tokens of a row so far."""
        tokens: list[int] = self._history[row, : self._positions[row]].tolist()
        return tokens

    def release(self, rows: Rows[int]) -> list[Move]:
        """Frees `rows`; returns the moves that keep the active rows a prefix, in order."""
        moves = []
        for row in sorted(rows, reverse=True):
            last = self.rows - 1
            if row != last:
                moves.append(self._move(last, row))
            self.sequences.pop()
        return moves

    def _move(self, source: int, target: int) -> Move:
        for array in (
            self._token_ids,
            self._positions,
            self._source_last,
            self._min_lengths,
            self._max_lengths,
            self._log_probs,
            self._wants_score,
        ):
            array[target] = array[source]
        length = int(self._positions[source])
        self._history[target, :length] = self._history[source, :length]
        self.sequences[target] = self.sequences[source]
        return Move(source, target, length, int(self._source_last[source]) + 1)
