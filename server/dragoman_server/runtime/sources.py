"""Which rows read which source: those of one beam share a copy of its keys and values.

Sources are a prefix of their cache, as rows are of theirs. Where no two rows share one, source i is
row i's. Knows rows and numbers of sources; knows nothing of sequences, caches or graphs.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_server.search import Move


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

    def add(self, lengths: list[int]) -> int:
        """Appends rows with sources of their own, of such lengths; returns the first source."""
        first, count = self.count, len(lengths)
        rows = np.arange(self.rows, self.rows + count)
        added = slice(first, first + count)
        self._source_of[rows] = rows + (first - self.rows)
        self._place_of[rows] = 0
        self._rows_of[added, 0] = rows
        self._readers[added] = 1
        self._lengths[added] = lengths
        self._grow(sources=count, rows=count)
        return first

    def fork(self, forks: list[Move]) -> SourceCopies | None:
        """Appends rows that read what others read, one after the other.

        Returns the further copies of a source that this takes, None where there are enough.
        """
        copied = []
        latest: dict[int, int] = {}  # by row: which copy of its source was read last
        for parent, row, *_ in forks:
            source = latest.setdefault(parent, int(self._source_of[parent]))
            if self._readers[source] == self._shared_rows:
                copied.append(self._source_of[parent])
                latest[parent] = self.count
                self._lengths[self.count] = self._lengths[source]
                self._readers[self.count] = 0
                source = self.count
                self._grow(sources=1, rows=0)
            place = self._readers[source]
            self._source_of[row], self._place_of[row] = source, place
            self._rows_of[source, place] = row
            self._readers[source] += 1
        self._grow(sources=0, rows=len(forks))
        if not copied:
            return None
        targets = np.arange(self.count - len(copied), self.count)
        sources = np.array(copied)
        return SourceCopies(sources, targets, int(self._lengths[sources].max()))

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

    def _grow(self, *, sources: int, rows: int) -> None:
        self.count += sources
        self.rows += rows
        self._is_settled = False

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
