"""Greedy search: each row takes its best allowed candidate. One row a sequence.

Knows rows and candidates; knows nothing of caches, graphs or time.
"""

import numpy as np
from numpy.typing import NDArray

from dragoman_server.candidates import Candidates
from dragoman_server.rows import Rows
from dragoman_server.sequence import Completion, FinishReason


class GreedySearch:
    """Advances the rows that it is given."""

    def __init__(self, rows: Rows, *, end_id: int) -> None:
        self._rows = rows
        self._end_id = end_id

    def candidate_count(self, rows: NDArray[np.intp]) -> int:
        """Candidates that a step needs: two where the end token may be forbidden."""
        early = self._rows.positions[rows] < self._rows.min_lengths[rows]
        return 2 if early.any() else 1

    def advance(self, rows: NDArray[np.intp], candidates: Candidates) -> NDArray[np.intp]:
        """Takes each row's best allowed candidate; returns the rows that end with it.

        A row with max_decoding_length tokens ends whatever its candidate is: an end token makes
        the translation complete, any other shows that its end is missing.
        """
        table = self._rows
        ids, logits = candidates.ids[rows, 0], candidates.logits[rows, 0]
        positions = table.positions[rows]
        if candidates.ids.shape[1] > 1:
            early = (ids == self._end_id) & (positions < table.min_lengths[rows])
            ids = np.where(early, candidates.ids[rows, 1], ids)
            logits = np.where(early, candidates.logits[rows, 1], logits)
        ends = ids == self._end_id
        full = positions >= table.max_lengths[rows]
        log_probs = logits - candidates.log_normalizers[rows]
        table.log_probs[rows] += np.where(full & ~ends, 0.0, log_probs)
        goes_on = ~(ends | full)
        table.append(rows[goes_on], ids[goes_on])
        table.token_ids[rows[ends]] = self._end_id
        ended: NDArray[np.intp] = rows[~goes_on]
        return ended

    def completion(self, row: int) -> Completion:
        """Returns the translation of a row that `advance` has ended."""
        table = self._rows
        stopped = bool(table.token_ids[row] == self._end_id)
        tokens = table.tokens(row)
        counted = len(tokens) + stopped
        return Completion(
            tokens,
            FinishReason.STOP if stopped else FinishReason.LENGTH,
            float(table.log_probs[row]) / counted if table.wants_score[row] else None,
        )
