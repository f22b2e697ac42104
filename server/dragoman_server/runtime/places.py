"""Where the places of a cache are: index arithmetic for copies that a device makes.

A cache is a table of places, one for each position of each head of each row of each of its tensors,
in this order. What is copied is always the same for all tensors and heads. Knows sizes; knows
nothing of memory.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_server.search import Move

Places = NDArray[np.int64]


class PlaceTable(NamedTuple):
    """Sizes of a cache: (tensors, rows, heads, positions)."""

    tensors: int
    rows: int
    heads: int
    positions: int

    @property
    def size(self) -> int:
        """Places in all."""
        return self.tensors * self.rows * self.heads * self.positions

    @property
    def groups(self) -> Places:
        """First place of each tensor's heads in row 0, (tensors * heads,)."""
        tensors = np.arange(self.tensors) * (self.rows * self.heads * self.positions)
        heads = np.arange(self.heads) * self.positions
        groups: Places = (tensors[:, None] + heads).ravel()
        return groups

    def offsets(self, rows: NDArray[np.intp], positions: NDArray[np.intp]) -> Places:
        """Distance of rows' positions from a group's first place, (copies,)."""
        offsets: Places = rows * (self.heads * self.positions) + positions
        return offsets


def paired_groups(source: Places, target: Places) -> Places:
    """First places as the copy graph takes them, (2, groups, 1)."""
    return np.stack([source, target])[:, :, None]


def paired_offsets(source: Places, target: Places) -> Places:
    """Distances from them as the copy graph takes them, (2, 1, copies)."""
    return np.stack([source, target])[:, None, :]


def prefixes(lengths: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The positions 0 to length - 1 of each of several rows.

    Returns:
        Which of the rows, and the position, (sum of lengths,) each.
    """
    index = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(lengths) - lengths
    return index, np.arange(len(index)) - starts[index]


def settle(moves: list[Move]) -> list[Move]:
    """Moves that can be made at once in place of moves that are made one after the other.

    A row that was moved may be moved again, and where it was first is free then.
    """
    settled: dict[int, Move] = {}
    for move in moves:
        first = settled.pop(move.source, move)
        settled[move.target] = move._replace(source=first.source)
    return list(settled.values())
