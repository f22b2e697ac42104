"""What each running sequence of one engine holds and wants; a sequence is known by its slot.

Knows which rows are a sequence's. Does not know what is in them.
"""

import numpy as np
from numpy.typing import NDArray

from dragoman_server.sequence import TranslationOptions


class Slots:
    """Arrays and sets over `max_slots` sequences.

    Args:
        max_slots: Sequences that there is room for.
        max_beam_size: Rows that a sequence may hold.
    """

    def __init__(self, *, max_slots: int, max_beam_size: int) -> None:
        self.rows = np.zeros((max_slots, max_beam_size), np.intp)
        """The row of each hypothesis of each sequence: the inverse of Rows.slots and Rows.beams."""
        self.held = np.zeros(max_slots, np.intp)
        """How many rows each sequence holds."""
        self.beam_sizes = np.zeros(max_slots, np.intp)
        """How many it will hold; 0 where no sequence is."""
        self.reserved = 0
        """Sum of them."""
        self.prefix_lengths = np.zeros(max_slots, np.int32)
        """Tokens that each sequence's target is told to begin with."""
        self.uncounted = np.zeros(max_slots, np.int32)
        """Those of them that do not count in the length that a score is divided by."""
        self.in_prefix = np.zeros(max_slots, np.bool_)
        """Whether some of them are still to be fed."""
        self.prefixes = 0
        """Number of sequences of which this is true."""
        self.with_minimum: set[int] = set()
        """Sequences that must not end before a length."""
        self.scored: set[int] = set()
        """Sequences of which a score is wanted."""
        self.token_scored: set[int] = set()
        """Sequences of which a score is wanted for each token."""

    def add(self, slot: int, row: int, options: TranslationOptions) -> None:
        """Notes a new sequence, whose first row is `row`."""
        self.rows[slot, 0] = row
        self.held[slot] = 1
        self.beam_sizes[slot] = options.beam_size
        self.reserved += options.beam_size
        self.prefix_lengths[slot] = len(options.target_prefix)
        self.uncounted[slot] = len(options.target_prefix) - options.forced_length
        if options.target_prefix:
            self.in_prefix[slot] = True
            self.prefixes += 1
        if options.min_decoding_length:
            self.with_minimum.add(slot)
        if options.return_scores:
            self.scored.add(slot)
        if options.return_token_scores:
            self.token_scored.add(slot)

    def fork(self, slots: NDArray[np.intp], others: NDArray[np.intp]) -> None:
        """Gives each of `slots`, which have one row, the `others` (sequences, beam - 1) as well."""
        beam_size = others.shape[1] + 1
        self.rows[slots, 1:beam_size] = others
        self.held[slots] = beam_size

    def end_prefix(self, slots: NDArray[np.intp]) -> None:
        """Notes that the sequences, each once, choose their tokens from now on."""
        self.in_prefix[slots] = False
        self.prefixes -= len(slots)

    def free(self, slot: int) -> None:
        """Drops a sequence."""
        self.held[slot] = 0
        self.reserved -= int(self.beam_sizes[slot])
        self.beam_sizes[slot] = 0
        self.prefixes -= int(self.in_prefix[slot])
        self.in_prefix[slot] = False
        for wanting in (self.with_minimum, self.scored, self.token_scored):
            wanting.discard(slot)
