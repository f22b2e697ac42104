"""Greedy search: each row takes its best allowed candidate, or draws one. One row a sequence.

Knows rows and candidates; knows nothing of caches, graphs or time.
"""

import numpy as np
from numpy.typing import NDArray

from dragoman_server.search.candidates import Candidates
from dragoman_server.search.choice import Choice
from dragoman_server.search.rows import RowIndex, Rows
from dragoman_server.sequence import Completion, FinishReason, TranslationOptions

NO_TOKEN = -1


class GreedySearch:
    """Advances the rows that it is given."""

    def __init__(self, rows: Rows, *, end_id: int) -> None:
        self._rows = rows
        self._by_slot = rows.by_slot
        self._end_id = end_id
        self.choices: dict[int, Choice] = {}
        """By slot: the sequences that do not just take their best candidate."""

    def admit(self, slot: int, options: TranslationOptions) -> None:
        """Begins a sequence whose row was added."""
        choice = Choice.of(options, end_id=self._end_id)
        if choice is not None:
            self.choices[slot] = choice

    def forget(self, slot: int) -> None:
        """Drops a sequence that ended."""
        self.choices.pop(slot, None)

    def candidate_count(self, rows: RowIndex) -> int:
        """Candidates that a step needs: two where the end token may be forbidden."""
        table, count = self._rows, 1
        if self._by_slot.with_minimum and (table.positions[rows] < table.min_lengths[rows]).any():
            count = 2
        for slot, choice in self.choices.items():
            said = 1 + int(table.positions[self._by_slot.rows[slot, 0]])
            count = max(count, choice.candidate_count(said))
        return count

    def advance(self, rows: RowIndex, candidates: Candidates) -> NDArray[np.intp]:
        """Takes a candidate for each of `rows`, ascending; returns the rows that end with it.

        A row with max_decoding_length tokens ends whatever its candidate is: an end token makes
        the translation complete, any other shows that its end is missing. A row whose options
        forbid every token ends likewise.
        """
        table = self._rows
        ids, logits = candidates.ids[rows, 0], candidates.logits[rows, 0]
        positions = table.positions[rows]
        if self._by_slot.with_minimum and candidates.ids.shape[1] > 1:
            early = (ids == self._end_id) & (positions < table.min_lengths[rows])
            ids = np.where(early, candidates.ids[rows, 1], ids)
            logits = np.where(early, candidates.logits[rows, 1], logits)
        full = positions >= table.max_lengths[rows]
        if self.choices:
            ids, logits = ids.copy(), logits.copy()
            self._choose(table.indices[rows], candidates, ids, logits)
            full |= ids == NO_TOKEN
        ends = ids == self._end_id
        if self._by_slot.scored or self._by_slot.token_scored:
            log_probs = logits - candidates.log_normalizers[rows]
            table.log_probs[rows] += np.where(full & ~ends, 0.0, log_probs)
            if self._by_slot.token_scored:
                table.token_scores[table.indices[rows], positions] = log_probs
        table.append(rows, ids)
        ended: NDArray[np.intp] = table.indices[rows][ends | full]
        table.positions[ended] -= 1  # their last token says whether they stopped
        return ended

    def completion(self, row: int) -> Completion:
        """Returns the translation of a row that `advance` has ended."""
        table, slot = self._rows, int(self._rows.slots[row])
        stopped = bool(table.token_ids[row] == self._end_id)
        tokens = table.tokens(row)
        known = len(tokens) + stopped
        counted = max(1, known - int(self._by_slot.uncounted[slot]))
        is_scored = slot in self._by_slot.token_scored
        return Completion(
            tokens,
            FinishReason.STOP if stopped else FinishReason.LENGTH,
            float(table.log_probs[row]) / counted if table.wants_score[row] else None,
            table.token_scores[row, :known].tolist() if is_scored else None,
        )

    def _choose(
        self,
        rows: NDArray[np.intp],
        candidates: Candidates,
        ids: NDArray[np.int64],
        logits: NDArray[np.float32],
    ) -> None:
        """Puts what the rows with choices of their own take into `ids` and `logits`, (rows,)."""
        table = self._rows
        for slot, choice in self.choices.items():
            if self._by_slot.in_prefix[slot]:
                continue
            row = int(self._by_slot.rows[slot, 0])
            taken = choice.take(
                candidates.ids[row],
                candidates.logits[row],
                table.said(row),
                is_early=bool(table.positions[row] < table.min_lengths[row]),
            )
            index = np.searchsorted(rows, row)
            ids[index] = NO_TOKEN if taken is None else candidates.ids[row, taken]
            logits[index] = 0.0 if taken is None else candidates.logits[row, taken]
