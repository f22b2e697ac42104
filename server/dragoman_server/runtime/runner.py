"""What an engine needs of whatever runs its model.

Knows rows and arrays. Does not know which library runs the graphs, nor on what.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dragoman_server.search import NO_TOKENS, Candidates, Move, RowCopies


class Runner(Protocol):
    """Encodes sentences and decodes rows, whose caches it owns. Used by one thread."""

    def encode(
        self,
        source_ids: list[list[int]],
        first_row: int,
        told_ids: Sequence[Collection[int]] = (),
        /,
    ) -> None:
        """Encodes newcomers and keeps the keys and values of each for a row of its own.

        A sentence that several of them have need not be encoded more than once.

        Args:
            source_ids: Token ids of each sentence, the end token included.
            first_row: Row of the first of them; the others follow it.
            told_ids: Of each of them the tokens that it is told to say: where rows choose among
                lists these are in its own. Nothing stands for none of anybody's.
        """

    def decode(
        self,
        token_ids: NDArray[np.int64],
        positions: NDArray[np.int32],
        source_last: NDArray[np.int32],
        *,
        candidate_count: int,
        with_normalizers: bool,
        wanted_ids: NDArray[np.int64] = NO_TOKENS,
    ) -> Candidates:
        """Runs one step of the first rows, caches updated in place.

        Args:
            token_ids: (rows,) token that each row is fed.
            positions: (rows,) its position in the target.
            source_last: (rows,) source length minus 1.
            candidate_count: Candidates to return for each row.
            with_normalizers: Whether log-normalizers are computed; zeros otherwise.
            wanted_ids: (wanted,) tokens whose logits are returned of each row as well, by graphs
                that can.

        Returns:
            Views that the next step overwrites.
        """

    def fork(self, forks: list[Move]) -> None:
        """Gives rows that follow the present ones what others hold, with the same sources."""

    def copy(self, copies: RowCopies) -> None:
        """Copies what rows hold of their targets."""

    def move(self, moves: list[Move]) -> None:
        """Moves rows."""
