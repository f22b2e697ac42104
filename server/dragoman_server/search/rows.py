"""The active rows of one engine: what each is fed next and what it has said so far.

A sequence holds as many rows as its beam is wide, but one as long as it has only one hypothesis.
Active rows are always a prefix: when one is freed, the last row moves into the hole. Knows arrays;
knows nothing of how tokens are chosen.
"""

import itertools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_server.search.slots import Slots
from dragoman_server.sequence import TranslationOptions


class Move(NamedTuple):
    """The row at `source` goes to `target`, with the live part of its caches."""

    source: int
    target: int
    target_length: int
    """Live positions of the self-attention cache."""
    source_length: int
    """Live positions of the cross-attention cache."""


class RowCopies(NamedTuple):
    """Tokens that rows take over from other rows of their sequence, caches included.

    A token that both rows have said after the same tokens is not among them: the same has been
    computed for it, to the last bit.
    """

    sources: NDArray[np.intp]  # (tokens,) row
    targets: NDArray[np.intp]  # (tokens,) row; no row is both
    positions: NDArray[np.intp]  # (tokens,) where the token was fed


RowIndex = slice | NDArray[np.intp]
"""Some of the active rows. A slice of them all makes views, which is several times faster."""


class Rows:
    """Arrays of `max_rows` rows, of which the first `count` are active.

    Args:
        max_rows: Rows that there is room for; so many sequences at most.
        max_beam_size: Rows that a sequence may hold.
        max_length: Largest max_decoding_length of any sequence.
        start_id: First token that a row is fed.
    """

    def __init__(
        self, *, max_rows: int, max_beam_size: int, max_length: int, start_id: int
    ) -> None:
        self.count = 0
        self._start_id = start_id
        self.by_slot = Slots(max_slots=max_rows, max_beam_size=max_beam_size)
        """The sequences that hold the rows."""
        self.indices = np.arange(max_rows)
        """0, 1, 2, ...: turns a RowIndex into an array."""
        self.token_ids = np.zeros(max_rows, np.int64)
        """Token to feed next."""
        self.positions = np.zeros(max_rows, np.int32)
        """Its position, which is also the number of tokens so far: the start token is at 0."""
        self.source_last = np.zeros(max_rows, np.int32)
        """Source length minus 1."""
        self.slots = np.zeros(max_rows, np.intp)
        """Which sequence holds the row."""
        self.beams = np.zeros(max_rows, np.intp)
        """Which of its sequence's hypotheses the row is."""
        self.min_lengths = np.zeros(max_rows, np.int32)
        self.max_lengths = np.zeros(max_rows, np.int32)
        self.wants_score = np.zeros(max_rows, np.bool_)
        self.log_probs = np.zeros(max_rows, np.float64)
        """Sum over the tokens so far; of greedy rows only."""
        self._by_row: tuple[NDArray[Any], ...] = (
            self.token_ids,
            self.positions,
            self.source_last,
            self.slots,
            self.beams,
            self.min_lengths,
            self.max_lengths,
            self.wants_score,
            self.log_probs,
        )
        self.history = np.zeros((max_rows, max_length + 1), np.int64)
        """Tokens so far, and those of a prefix that are still to be fed; room for an end token."""
        self.token_scores = np.zeros((max_rows, max_length + 1), np.float32)
        """Log-probability of each token so far, and of the end token; of some sequences only."""

    def add(self, slot: int, source_length: int, options: TranslationOptions) -> None:
        """Appends the first row of a sequence."""
        row = self.count
        self.token_ids[row] = self._start_id
        self.positions[row] = 0
        self.source_last[row] = source_length - 1
        self.slots[row] = slot
        self.beams[row] = 0
        self.min_lengths[row] = options.min_decoding_length
        self.max_lengths[row] = options.max_decoding_length
        self.wants_score[row] = options.return_scores
        self.log_probs[row] = 0.0
        if prefix := options.target_prefix:
            self.history[row, : len(prefix)] = prefix
            self.token_scores[row, : len(prefix)] = 0.0
        self.count += 1
        self.by_slot.add(slot, row, options)

    def rows_in_prefix(self) -> NDArray[np.intp]:
        """Returns the rows whose next token is told."""
        return np.flatnonzero(self.by_slot.in_prefix[self.slots[: self.count]])

    def append_prefix(self, rows: NDArray[np.intp]) -> None:
        """Gives each of `rows`, all in their prefix, its next token of it."""
        self.append(rows, self.history[rows, self.positions[rows]])
        slots = self.slots[rows]
        ended = slots[self.positions[rows] == self.by_slot.prefix_lengths[slots]]
        self.by_slot.end_prefix(np.unique(ended))

    def append(self, rows: RowIndex, tokens: NDArray[np.int64]) -> None:
        """Gives each of `rows` one more token, which is fed next."""
        self.token_ids[rows] = tokens
        self.history[self.indices[rows], self.positions[rows]] = tokens
        self.positions[rows] += 1

    def reorder(self, slots: NDArray[np.intp], rows: NDArray[np.intp]) -> None:
        """Makes `rows` (sequences, beam) the hypotheses of `slots`, best first."""
        beam_size = rows.shape[1]
        self.beams[rows] = np.arange(beam_size)
        self.by_slot.rows[slots, :beam_size] = rows

    def tokens(self, row: int) -> list[int]:
        """Returns the tokens of a row so far."""
        tokens: list[int] = self.history[row, : self.positions[row]].tolist()
        return tokens

    def token_scores_of(self, row: int) -> list[float]:
        """Returns the log-probabilities of the tokens of a row so far, where they are wanted."""
        scores: list[float] = self.token_scores[row, : self.positions[row]].tolist()
        return scores

    def score_last(self, rows: NDArray[np.intp], scores: NDArray[np.float32]) -> None:
        """Notes the log-probability of the last token of each of `rows`."""
        self.token_scores[rows, self.positions[rows] - 1] = scores

    def said(self, row: int) -> NDArray[np.int64]:
        """Returns the start token and the tokens of a row so far."""
        return np.concatenate(([self._start_id], self.history[row, : self.positions[row]]))

    def fork(self, slots: NDArray[np.intp], beam_size: int) -> list[Move]:
        """Appends the other rows of sequences with one, which have said and been fed the same.

        Returns what the caches have to copy.
        """
        others = beam_size - 1
        sources = np.repeat(self.by_slot.rows[slots, 0], others)
        targets = np.arange(self.count, self.count + len(sources))
        for array in self._by_row:
            array[targets] = array[sources]
        self.beams[targets] = np.tile(np.arange(1, beam_size), len(slots))
        self.by_slot.fork(slots, targets.reshape(-1, others))
        self.count += len(targets)
        lengths = self.positions[sources]
        known = int(lengths.max())
        self.history[targets, :known] = self.history[sources, :known]
        if self.by_slot.token_scored:
            self.token_scores[targets, :known] = self.token_scores[sources, :known]
        columns = (sources, targets, lengths + 1, self.source_last[sources] + 1)
        return list(itertools.starmap(Move, np.stack(columns, axis=1).tolist()))

    def take_over(self, sources: NDArray[np.intp], targets: NDArray[np.intp]) -> RowCopies | None:
        """Lets each of `targets` have said what the row of `sources` has, of the same sequence.

        Returns what the caches have to copy, None where there is nothing.
        """
        lengths = self.positions[sources]
        length = int(lengths.max())
        differs = self.history[targets, :length] != self.history[sources, :length]
        is_live = np.arange(length) < lengths[:, None]  # (rows, length)
        index, position = np.nonzero(np.logical_or.accumulate(differs, axis=1) & is_live)
        if not len(index):
            return None
        copies = RowCopies(sources[index], targets[index], position + 1)  # the start token is at 0
        self.history[copies.targets, position] = self.history[copies.sources, position]
        if self.by_slot.token_scored:
            scores = self.token_scores
            scores[copies.targets, position] = scores[copies.sources, position]
        return copies

    def remove(self, row: int) -> Move | None:
        """Frees a row; returns the move that fills the hole, None where there is none to fill."""
        self.count -= 1
        last = self.count
        if row == last:
            return None
        for array in self._by_row:
            array[row] = array[last]
        self.by_slot.rows[self.slots[row], self.beams[row]] = row
        length = int(self.positions[last])
        known = max(length, int(self.by_slot.prefix_lengths[self.slots[row]]))
        self.history[row, :known] = self.history[last, :known]
        if self.by_slot.token_scored:
            self.token_scores[row, :known] = self.token_scores[last, :known]
        return Move(last, row, length, int(self.source_last[last]) + 1)
