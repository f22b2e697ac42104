"""Which tokens each row of a batch chooses among: lists, and where they are in a union.

Rows of one sentence have one list; it leaves the union with the last of them. What a row chooses
never depends on its neighbours: the others' tokens are not in its list, and sums of integers are
exact. Knows rows and source tokens. Does not know sequences or graphs.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dragoman_server.runtime.shortlist import Shortlist
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
        self._layouts = 0
        self._lay_out(WIDTH)

    def add(self, source_ids: Sequence[Sequence[int]], others: Sequence[Collection[int]]) -> None:
        """Appends a row for each sentence, which chooses among `others` too where there are any."""
        lists = [
            self._shortlist.list_for(sentence, others[index] if others else ())
            for index, sentence in enumerate(source_ids)
        ]
        longest = max(map(len, lists))
        if not self._rows and self._ids.shape[1] > 2 * _whole(longest):
            self._lay_out(_whole(longest))  # room that only long sentences needed
        self.make_room(longest)
        for row, tokens in enumerate(lists, self._rows):
            self._ids[row, : len(tokens)] = tokens
            self._columns[row, : len(tokens)] = self._union.add(tokens)
            self._columns[row, len(tokens) :] = NOWHERE
            self._of_row[row] = self._known[id(tokens)] = tokens
        self._rows += len(lists)

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
        width, columns, ids = self._ids.shape[1], self._columns, self._ids
        if listed > width:
            self._lay_out(_whole(listed))
            self._columns[:, :width], self._ids[:, :width] = columns, ids

    @property
    def layout(self) -> int:
        """Which arrays a step is to be given: another number, other ones."""
        return self._layouts + self._union.layouts

    def arrays(self, rows: int) -> dict[str, NDArray[Any]]:
        """Returns what a step of the first rows is given, by the names of its inputs, as views."""
        weight, scale, bias = self._union.matrix
        return {
            "union_weight": weight,
            "union_scale": scale,
            "union_bias": bias,
            "list_columns": self._columns[:rows],
            "list_ids": self._ids[:rows],
        }

    def _lay_out(self, width: int) -> None:
        """Makes lists of so many places, with nothing in them."""
        shape = (len(self._of_row), width)
        self._columns, self._ids = np.full(shape, NOWHERE), np.zeros(shape, np.int64)
        self._layouts += 1


def _whole(places: int) -> int:
    return -(-places // WIDTH) * WIDTH
