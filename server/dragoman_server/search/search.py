"""Chooses the next token of every running row, greedily, drawn or with beams, in one batch.

Knows which sequence holds which rows. Knows nothing of caches, graphs or time.
"""

from collections import Counter
from collections.abc import Container
from collections.abc import Sequence as ListOf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_server.search.beams import BeamSearch
from dragoman_server.search.candidates import Candidates
from dragoman_server.search.greedy import GreedySearch
from dragoman_server.search.requirements import WordContinuations
from dragoman_server.search.rows import Move, RowCopies, RowIndex, Rows
from dragoman_server.sequence import MAX_BEAM_SIZE, Completion, Sequence

MANY_TOKENS = 1 << 31
"""No vocabulary is as large."""


def unknown_continuations() -> NDArray[np.bool_]:
    """Says of no token that it goes on with a word."""
    return np.zeros(0, np.bool_)


class Advance(NamedTuple):
    """What one step brought."""

    finished: list[tuple[Sequence, Completion]]
    forks: list[Move]
    """Rows that are new and what they copy; to be applied to the caches first."""
    copies: list[RowCopies]
    """To be applied to the caches then, before any row is moved or fed."""


class Search:
    """The running sequences of one engine.

    Args:
        max_rows: Rows that there is room for.
        max_length: Largest max_decoding_length of any sequence.
        decoder_start_id: First token that a row is fed.
        end_id: Token that ends a translation.
        vocabulary_size: Most candidates that a row can have.
        continuations: Asked for the tokens that go on with a word once a sequence must say one.
    """

    def __init__(
        self,
        *,
        max_rows: int,
        max_length: int,
        decoder_start_id: int,
        end_id: int,
        vocabulary_size: int = MANY_TOKENS,
        continuations: WordContinuations = unknown_continuations,
    ) -> None:
        self._vocabulary_size = vocabulary_size
        self._rows = Rows(
            max_rows=max_rows,
            max_beam_size=MAX_BEAM_SIZE,
            max_length=max_length,
            start_id=decoder_start_id,
        )
        self._by_slot = self._rows.by_slot
        self._greedy = GreedySearch(self._rows, end_id=end_id)
        self._beams = BeamSearch(
            self._rows,
            max_rows=max_rows,
            max_beam_size=MAX_BEAM_SIZE,
            end_id=end_id,
            continuations=continuations,
        )
        self._slots: dict[Sequence, int] = {}
        self._sequences: list[Sequence | None] = [None] * max_rows  # by slot
        self._free_slots = list(range(max_rows))
        self._counts: Counter[int] = Counter()  # running sequences by beam size
        self._widths: list[int] = []  # beam sizes above 1 among them
        self._slots_by_width: dict[int, NDArray[np.intp]] = {}  # of those that were asked for

    @property
    def rows(self) -> int:
        """Number of active rows."""
        return self._rows.count

    @property
    def reserved_rows(self) -> int:
        """Number of rows, those included that young beams have yet to fill."""
        return self._by_slot.reserved

    @property
    def sequences(self) -> list[Sequence]:
        """The running sequences."""
        return list(self._slots)

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, sequence: Sequence) -> bool:
        return sequence in self._slots

    @property
    def token_ids(self) -> NDArray[np.int64]:
        """(rows,) tokens to feed next."""
        return self._rows.token_ids[: self.rows]

    @property
    def positions(self) -> NDArray[np.int32]:
        """(rows,) position of that token in the target."""
        return self._rows.positions[: self.rows]

    @property
    def source_last(self) -> NDArray[np.int32]:
        """(rows,) source length minus 1."""
        return self._rows.source_last[: self.rows]

    @property
    def candidate_count(self) -> int:
        """Candidates of each row that the next step needs.

        Where options make it grow with the translation it is a power of two: runners keep
        buffers for each number that they met.
        """
        may_vary = bool(self._greedy.choices or self._beams.constraints)
        if not (may_vary or self._by_slot.with_minimum or self._beams.required):
            return max((2 * width for width in self._widths), default=1)
        needed = max(
            self._greedy.candidate_count(self._greedy_rows()),
            *(self._beams.candidate_count(self._slots_of(size), size) for size in self._widths),
            1,
        )
        if not may_vary:
            return needed
        return min(1 << (needed - 1).bit_length(), self._vocabulary_size)

    @property
    def wanted_ids(self) -> NDArray[np.int64]:
        """(wanted,) tokens whose logits the next step needs of each row, candidates or not."""
        return self._beams.wanted.ids

    @property
    def wants_normalizers(self) -> bool:
        """Whether log-probabilities are needed: for beams always, else for scores."""
        return bool(self._widths or self._by_slot.token_scored or self._by_slot.scored)

    def admit(self, sequences: ListOf[Sequence]) -> None:
        """Appends a row for each sequence, one after the other."""
        for sequence in sequences:
            slot = self._free_slots.pop()
            self._slots[sequence] = slot
            self._sequences[slot] = sequence
            self._count(sequence.rows, 1)
            self._rows.add(slot, len(sequence.source_ids), sequence.options)
            search = self._beams if sequence.rows > 1 else self._greedy
            search.admit(slot, sequence.options)

    def advance(self, candidates: Candidates) -> Advance:
        """Gives every row its next token; the finished sequences keep their rows until released."""
        in_prefix = self._rows.rows_in_prefix() if self._by_slot.prefixes else None
        greedy_rows = self._greedy_rows()
        finished = []
        if self._counts[1]:
            finished = [
                (self._sequence(int(self._rows.slots[row])), self._greedy.completion(row))
                for row in self._greedy.advance(greedy_rows, candidates).tolist()
            ]
        all_forks: list[Move] = []
        all_copies = []
        for width in self._widths:
            for alike in self._alike(self._slots_of(width), width):
                ended, forks, copies = self._beams.advance(alike, width, candidates)
                finished += [(self._sequence(slot), self._beams.completion(slot)) for slot in ended]
                all_forks += forks
                if copies is not None:
                    all_copies.append(copies)
        if in_prefix is not None:
            self._rows.append_prefix(in_prefix)
        return Advance(finished, all_forks, all_copies)

    def tokens(self, sequence: Sequence) -> list[int]:
        """Returns the target tokens of a running sequence so far, of its best hypothesis."""
        return self._rows.tokens(self._rows_of(sequence)[0])

    def release(self, sequences: ListOf[Sequence]) -> list[Move]:
        """Frees the rows of `sequences`; returns the moves that keep the active rows a prefix."""
        rows = [row for sequence in sequences for row in self._rows_of(sequence)]
        for sequence in sequences:
            slot = self._slots.pop(sequence)
            search = self._beams if sequence.rows > 1 else self._greedy
            search.forget(slot)
            self._by_slot.free(slot)
            self._count(sequence.rows, -1)
            self._sequences[slot] = None
            self._free_slots.append(slot)
        moves = map(self._rows.remove, sorted(rows, reverse=True))
        return [move for move in moves if move is not None]

    def _sequence(self, slot: int) -> Sequence:
        sequence = self._sequences[slot]
        assert sequence is not None
        return sequence

    def _rows_of(self, sequence: Sequence) -> list[int]:
        """Rows of a sequence, its best running hypothesis first."""
        slot = self._slots[sequence]
        rows: list[int] = self._by_slot.rows[slot, : self._by_slot.held[slot]].tolist()
        return rows

    def _count(self, beam_size: int, change: int) -> None:
        self._slots_by_width.pop(beam_size, None)
        self._counts[beam_size] += change
        self._widths = [size for size, count in self._counts.items() if count and size > 1]

    def _greedy_rows(self) -> RowIndex:
        """Rows of the sequences with one row that choose their next token, ascending."""
        if not self._counts[1]:
            return slice(0)
        if not self._widths and not self._by_slot.prefixes:
            return slice(self.rows)
        slots = self._rows.slots[: self.rows]
        chooses = self._by_slot.beam_sizes[slots] == 1
        if self._by_slot.prefixes:
            chooses &= ~self._by_slot.in_prefix[slots]
        return np.flatnonzero(chooses)

    def _slots_of(self, width: int) -> NDArray[np.intp]:
        """Sequences with beams of this size that choose their next tokens, ascending."""
        slots = self._slots_by_width.get(width)
        if slots is None:
            slots = self._slots_by_width[width] = np.flatnonzero(self._by_slot.beam_sizes == width)
        return slots[~self._by_slot.in_prefix[slots]] if self._by_slot.prefixes else slots

    def _alike(self, slots: NDArray[np.intp], width: int) -> list[NDArray[np.intp]]:
        """Splits sequences with beams of one size into those with one row and those with all."""
        if self._by_slot.reserved > self._rows.count:
            is_young = self._by_slot.held[slots] < width
            parts = [slots[is_young], slots[~is_young]]
        else:
            parts = [slots]
        if required := self._beams.required:
            parts = [each for part in parts for each in _apart(part, required)]
        return [part for part in parts if len(part)]


def _apart(slots: NDArray[np.intp], required: Container[int]) -> list[NDArray[np.intp]]:
    """Splits sequences into those that must say nothing, together, and each of the others."""
    alone = np.array([slot in required for slot in slots.tolist()], np.bool_)
    return [slots[~alone], *slots[alone, None]]
