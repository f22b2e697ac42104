"""Which rows read which source: those of one beam share a copy of its keys and values.

Sources are a prefix of their cache, as rows are of theirs. Where no two rows share one, source i is
row i's. Knows rows and numbers of sources; knows nothing of sequences, caches or graphs.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_server.rows import Move


class SourceCopies(NamedTuple):
    """Sources that take the places of others, all at once."""

    sources: NDArray[np.intp]
    targets: NDArray[np.intp]
    length: int
    """Of the longest of them, in tokens."""


class Sources:
    """The sources of one engine's rows.

    Args:
        max_rows: Rows that there is room for; there are never more sources.
        shared_rows: Most rows that share one.
        heads: Attention heads.
    """

    def __init__(self, *, max_rows: int, shared_rows: int, heads: int) -> None:
        self.count = 0
        self.rows = 0
        """Rows that read them."""
        self._shared_rows = shared_rows
        self._places = np.arange(shared_rows)
        self._heads = np.arange(heads)[:, None]
        self._rows_of = np.zeros((max_rows, shared_rows), np.intp)
        """Which rows read each; those beyond `_readers` mean nothing."""
        self._readers = np.zeros(max_rows, np.intp)
        self._lengths = np.zeros(max_rows, np.intp)
        self._source_of = np.zeros(max_rows, np.intp)
        """Which each row reads."""
        self._place_of = np.zeros(max_rows, np.intp)
        """Which of its readers the row is."""
        self._is_settled = True
        self.query_index = np.zeros((max_rows, heads * shared_rows), np.int64)
        """What the decoder graph's input of this name wants where rows share sources."""
        self.attended_index = np.zeros((max_rows, heads), np.int64)
        """Likewise."""

    @property
    def is_shared(self) -> bool:
        """Whether any two rows read one source. If not, source i is row i's."""
        return self.count < self.rows

    @property
    def first_rows(self) -> NDArray[np.intp]:
        """(sources,) a row that reads each."""
        return self._rows_of[: self.count, 0]

    def add(self, rows: range, length: int) -> range:
        """Returns the new sources, all of so many tokens, that new rows read, which all follow."""
        first = self.count
        for row in rows:
            source, place = divmod(row - rows.start, self._shared_rows)
            source += first
            self._source_of[row], self._place_of[row] = source, place
            self._rows_of[source, place] = row
            self._readers[source] = place + 1
            self._lengths[source] = length
        self.count, self.rows = source + 1, rows.stop
        self._is_settled = False
        return range(first, self.count)

    def move(self, moves: list[Move]) -> None:
        """Lets rows read at other places; who read there reads no more."""
        for source, target, *_ in moves:
            self._source_of[target] = self._source_of[source]
            self._place_of[target] = self._place_of[source]
            self._rows_of[self._source_of[source], self._place_of[source]] = target
        self._is_settled = False

    def settle(self, rows: int) -> SourceCopies | None:
        """Drops what only rows beyond the first `rows` read; makes the rest a prefix again.

        Returns what the cache has to copy for it, None where there is nothing.
        """
        if rows == self.rows and self._is_settled:
            return None
        first = self.first_rows
        is_read = (first < rows) & (self._source_of[first] == np.arange(self.count))
        count = int(np.count_nonzero(is_read))
        if count == rows:  # one each: in the rows' order
            targets = np.flatnonzero(self._source_of[:rows] != np.arange(rows))
            sources = self._source_of[targets]
        else:
            targets = np.flatnonzero(~is_read[:count])
            sources = count + np.flatnonzero(is_read[count:])
        self.count, self.rows, self._is_settled = count, rows, True
        copies = self._copy(sources, targets) if len(targets) else None
        if self.is_shared:
            self._index()
        return copies

    def _copy(self, sources: NDArray[np.intp], targets: NDArray[np.intp]) -> SourceCopies:
        for array in (self._rows_of, self._readers, self._lengths):
            array[targets] = array[sources]
        for target in targets.tolist():
            self._source_of[self._rows_of[target, : self._readers[target]]] = target
        return SourceCopies(sources, targets, int(self._lengths[targets].max()))

    def _index(self) -> None:
        """Works out both indices."""
        rows_of = self._rows_of[: self.count]
        is_reader = self._places < self._readers[: self.count, None]
        asking = np.where(is_reader, rows_of, rows_of[:, :1])[:, None]  # (sources, 1, shared)
        heads, shared = self._heads, self._shared_rows
        index = asking * len(heads) + heads  # (sources, heads, shared)
        self.query_index[: self.count] = index.reshape(self.count, -1)
        source_of, place_of = self._source_of[: self.rows, None], self._place_of[: self.rows, None]
        self.attended_index[: self.rows] = (source_of * len(heads) + heads.T) * shared + place_of
