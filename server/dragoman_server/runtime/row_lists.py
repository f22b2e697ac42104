"""Which tokens each row of a batch chooses among: lists, and where they are in a union.

Rows of one sentence have one list; it leaves the union with the last of them. What a row chooses
never depends on its neighbours: the others' tokens are not in its list, and sums of integers are
exact. Knows rows and source tokens. Does not know sequences or graphs.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dragoman_server.models import Shortlist
from dragoman_server.runtime.union import NOWHERE, Union
from dragoman_server.search import NO_TOKENS, Move

WIDTH = 256
"""Lists are laid out as long as the longest is, in so many: whole groups of the graph's top-k, so
that sums over a list are made in one order however long it is laid out."""


class RowLists:
    """The lists of one engine's rows.

    Args:
        shortlist: What they are made of.
        max_rows: Rows that there is room for.
    """

    def __init__(self, shortlist: Shortlist, max_rows: int) -> None:
        self._shortlist = shortlist
        self._union = Union(shortlist)
        self._of_row: list[NDArray[np.int64] | None] = [None] * max_rows
        self._rows = 0
        self._known: dict[int, NDArray[np.int64]] = {}  # lists in the union, by their identity
        self._is_settled = True
        self._wanted = NO_TOKENS
        self._columns, self._ids = self._laid_out(WIDTH)

    def add(self, source_ids: Sequence[Sequence[int]], others: Sequence[Collection[int]]) -> None:
        """Appends a row for each sentence, which chooses among `others` too where there are any."""
        for index, sentence in enumerate(source_ids):
            tokens = self._shortlist.list_for(sentence, others[index] if others else ())
            self.make_room(len(tokens))
            row = self._rows
            columns = self._union.add(tokens)
            self._columns[row, len(tokens) :] = NOWHERE
            self._ids[row, : len(tokens)] = tokens
            self._columns[row, : len(tokens)] = columns
            self._of_row[row] = self._known[id(tokens)] = tokens
            self._rows += 1

    def move(self, moves: list[Move]) -> None:
        """Lets rows, present ones or new ones, choose among what others do."""
        for source, target, *_ in moves:
            self._of_row[target] = self._of_row[source]
            self._ids[target], self._columns[target] = self._ids[source], self._columns[source]
            self._rows = max(self._rows, target + 1)
        self._is_settled = False

    def settle(self, rows: int) -> None:
        """Drops the lists that none of the first `rows` rows has."""
        if rows == self._rows and self._is_settled:
            return
        self._rows, self._is_settled = rows, True
        alive = {id(each) for each in self._of_row[:rows]}
        for key in [key for key in self._known if key not in alive]:
            self._union.remove(self._known.pop(key))
        self._union.trim()
        if not rows and self._ids.shape[1] > WIDTH:  # room that only long sentences needed
            self._columns, self._ids = self._laid_out(WIDTH)

    def want(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Keeps `tokens` in the union, whichever rows choose among them, until others are wanted.

        Returns where they stand, (tokens,).
        """
        if tokens is not self._wanted:
            before, self._wanted = self._wanted, tokens
            self._union.add(np.unique(tokens))
            self._union.remove(np.unique(before))
        return self._union.columns(tokens)

    def make_room(self, listed: int) -> None:
        """Lays lists out so that there are `listed` places in each, at least."""
        width = self._ids.shape[1]
        if listed <= width:
            return
        columns, ids = self._laid_out(-(-listed // WIDTH) * WIDTH)
        columns[:, :width], ids[:, :width] = self._columns, self._ids
        self._columns, self._ids = columns, ids

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a step is given by the names of its inputs, of all rows there is room for.

        Other arrays where they are laid out anew.
        """
        weight, scale, bias = self._union.matrix
        return {
            "union_weight": weight,
            "union_scale": scale,
            "union_bias": bias,
            "list_columns": self._columns,
            "list_ids": self._ids,
        }

    def _laid_out(self, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Columns and ids."""
        shape = (len(self._of_row), width)
        return np.full(shape, NOWHERE), np.zeros(shape, np.int64)
