"""The weights of all tokens that some lists have, in one matrix that tokens come to and leave.

Knows tokens and their weights. Does not know sentences, rows of a batch or graphs.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_server.runtime.shortlist import Shortlist

COLUMNS = 512
"""The matrix has so many columns, or a multiple of it."""

NOWHERE = 0
"""The column of no token: whatever is multiplied by it is impossible."""


class Matrix(NamedTuple):
    """What a step is given of a union."""

    weight: NDArray[np.int8]  # (width, union)
    scale: NDArray[np.float32]  # (union,)
    bias: NDArray[np.float32]  # (union,)


class Union:
    """Tokens, each with the number of lists that have it.

    A token stays after the last of them until its column is needed: the next sentence often has it.

    Args:
        shortlist: Has the weights of every token.
    """

    def __init__(self, shortlist: Shortlist) -> None:
        self._of = shortlist
        tokens, self._width = shortlist.weights.shape
        self._columns = np.zeros(tokens, np.int64)  # NOWHERE where the token is in none
        # One more is in no list and stands in every empty column; another in NOWHERE, for ever.
        self._readers = np.zeros(tokens + 2, np.int32)
        self._nothing = tokens
        self._readers[tokens + 1] = 1
        self._tokens = np.array([tokens + 1])  # by column
        self.matrix = Matrix(
            np.zeros((self._width, 1), np.int8),
            np.zeros(1, np.float32),
            np.full(1, -np.inf, np.float32),
        )
        self.layouts = 0
        """How often its arrays became others, as there are more columns, or fewer."""
        self._lay_out(COLUMNS)

    def add(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Lets one list more have `tokens`, each once; returns their columns, (tokens,)."""
        self._readers[tokens] += 1
        new = tokens[self._columns[tokens] == NOWHERE]
        if len(new):
            self._put(new, self._free(len(new)))
        return self._columns[tokens]

    def remove(self, tokens: NDArray[np.int64]) -> None:
        """Lets a list that was added have them no more."""
        self._readers[tokens] -= 1

    def columns(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns where tokens stand that some list has."""
        return self._columns[tokens]

    def trim(self) -> None:
        """Gives columns up where twice COLUMNS at the end have tokens of no list."""
        used = int(np.flatnonzero(self._readers[self._tokens])[-1]) + 1
        columns = _whole(used)
        if columns + 2 * COLUMNS <= len(self._tokens):
            self._forget(np.arange(columns, len(self._tokens)))
            self._lay_out(columns)

    def _free(self, count: int) -> NDArray[np.intp]:
        """The first columns of tokens that no list has; there are more if need be."""
        free = np.flatnonzero(self._readers[self._tokens] == 0)
        if len(free) < count:
            self._lay_out(_whole(len(self._tokens) + count - len(free)))
            free = np.flatnonzero(self._readers[self._tokens] == 0)
        return free[:count]

    def _put(self, tokens: NDArray[np.int64], columns: NDArray[np.intp]) -> None:
        self._forget(columns)
        self._tokens[columns], self._columns[tokens] = tokens, columns
        weight, scale, bias = self.matrix
        # By places of the flat matrix: half of the time that indexing columns takes.
        places = np.arange(self._width)[:, None] * weight.shape[1] + columns
        np.put(weight, places, self._of.weights[tokens].T)
        scale[columns], bias[columns] = self._of.scales[tokens], self._of.biases[tokens]

    def _forget(self, columns: NDArray[np.intp]) -> None:
        """Lets the tokens go that stand there."""
        before = self._tokens[columns]
        self._columns[before[before != self._nothing]] = NOWHERE
        self._tokens[columns] = self._nothing

    def _lay_out(self, columns: int) -> None:
        """Makes arrays of so many columns, which keep what they had."""
        self.layouts += 1
        kept = min(columns, len(self._tokens))
        weight, scale, bias = self.matrix
        self.matrix = Matrix(
            np.zeros((self._width, columns), np.int8),
            np.zeros(columns, np.float32),
            np.zeros(columns, np.float32),
        )
        self.matrix.weight[:, :kept] = weight[:, :kept]
        self.matrix.scale[:kept], self.matrix.bias[:kept] = scale[:kept], bias[:kept]
        tokens = np.full(columns, self._nothing)
        tokens[:kept] = self._tokens[:kept]
        self._tokens = tokens


def _whole(columns: int) -> int:
    return -(-columns // COLUMNS) * COLUMNS
