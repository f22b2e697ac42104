"""Sources against a model that gives every row a copy of its own."""

import numpy as np
import pytest

from dragoman_server.runtime.sources import SourceCopies, Sources
from dragoman_server.search.rows import Move

MAX_ROWS, SHARED_ROWS, HEADS = 40, 4, 3


class Crowd:
    """Sequences that come and go; each row's expected source, and a cache that holds sources."""

    def __init__(self) -> None:
        self.sources = Sources(max_rows=MAX_ROWS, shared_rows=SHARED_ROWS, heads=HEADS)
        self.expected: list[int] = []  # by row: the number of its sequence
        self.cache = np.full(MAX_ROWS, -1)  # by source: likewise
        self._admitted = 0

    def admit(self, beam_size: int) -> None:
        self.settle()
        row = len(self.expected)
        self._admitted += 1
        self.cache[self.sources.add([1])] = self._admitted
        self.expected += [self._admitted] * beam_size
        if beam_size > 1:
            self.copy(self.sources.fork([Move(row, row + i, 1, 1) for i in range(1, beam_size)]))

    def release(self, *sequences: int) -> None:
        """Removes rows as the search does: the last row fills the hole."""
        moves = []
        for row in reversed(range(len(self.expected))):
            if self.expected[row] not in sequences:
                continue
            last = len(self.expected) - 1
            if row != last:
                moves.append(Move(last, row, 1, 1))
                self.expected[row] = self.expected[last]
            del self.expected[last]
        if moves:
            self.sources.move(moves)

    def settle(self) -> None:
        self.copy(self.sources.settle(len(self.expected)))

    def copy(self, copies: SourceCopies | None) -> None:
        if copies is not None:
            self.cache[copies.targets] = self.cache[copies.sources]

    def check(self) -> None:
        """Follows both indices as the graph does."""
        self.settle()
        sources, rows = self.sources, len(self.expected)
        assert sources.rows == rows
        read = self.cache[: sources.count]
        if not sources.is_shared:
            assert read.tolist() == self.expected
            return
        assert np.array(self.expected)[sources.first_rows].tolist() == read.tolist()
        asked = sources.query_index[: sources.count]  # (sources, heads * shared)
        heads = np.repeat(np.arange(HEADS), SHARED_ROWS)
        assert (asked % HEADS == heads).all()
        assert (asked // HEADS < rows).all()
        places = sources.attended_index[:rows]
        row, head = np.divmod(asked.ravel()[places], HEADS)
        assert (row == np.arange(rows)[:, None]).all()
        assert (head == np.arange(HEADS)).all()
        source = places // (HEADS * SHARED_ROWS)
        assert (read[source] == np.array(self.expected)[:, None]).all()


@pytest.mark.parametrize(
    ("beams", "sources"), [([1, 1, 1], 3), ([4], 1), ([5], 2), ([4, 4], 2), ([2, 1, 16], 6)]
)
def test_rows_of_a_beam_share_a_copy_four_at_a_time(beams: list[int], sources: int) -> None:
    crowd = Crowd()
    for beam_size in beams:
        crowd.admit(beam_size)
    crowd.check()
    assert crowd.sources.count == sources
    assert crowd.sources.is_shared == (max(beams) > 1)


def test_once_beams_are_gone_each_row_has_the_source_of_its_number() -> None:
    crowd = Crowd()
    for beam_size in (1, 4, 1, 1, 5):
        crowd.admit(beam_size)
    crowd.release(2)
    crowd.check()
    crowd.release(5)
    crowd.check()
    assert not crowd.sources.is_shared


def test_nothing_is_done_where_nothing_happened() -> None:
    crowd = Crowd()
    crowd.admit(4)
    crowd.check()
    crowd.sources.query_index[:] = -1
    assert crowd.sources.settle(4) is None
    assert (crowd.sources.query_index == -1).all()


@pytest.mark.parametrize("seed", range(20))
def test_every_row_reads_its_own_source_whoever_comes_and_goes(seed: int) -> None:
    random = np.random.default_rng(seed)
    crowd = Crowd()
    for _ in range(300):
        running = sorted(set(crowd.expected))
        beam_size = int(random.choice([1, 1, 2, 3, 4, 5, 8]))
        if len(crowd.expected) + beam_size <= MAX_ROWS and random.random() < 0.6:
            crowd.admit(beam_size)
        elif running:
            crowd.release(*random.choice(running, size=min(2, len(running)), replace=False))
        if random.random() < 0.7:  # else more happens before the next step
            crowd.check()
    crowd.release(*set(crowd.expected))
    crowd.check()
