"""Rows that are decoded greedily with a runner, a step at a time, and held beside each other."""

from typing import Protocol

import numpy as np

from dragoman_server.runtime import Runner
from dragoman_server.search.candidates import Candidates
from dragoman_server.search.rows import Move

SOURCES = [[3, 4, 5, 0], [6, 0], [7, 8, 9, 10, 11, 12, 0], [0], [5, 5, 5, 0]]


class Loaded(Protocol):
    """A model whose runners are made as they are needed."""

    def runner(self) -> Runner: ...

    @property
    def start_id(self) -> int: ...


class Rows:
    """Some rows decoded greedily with a runner, a step at a time."""

    def __init__(self, loaded: Loaded, sources: list[list[int]]) -> None:
        self._runner = loaded.runner()
        self._start_id = loaded.start_id
        self._source_last = np.zeros(0, np.int32)
        self._tokens = np.zeros(0, np.int64)
        self._positions = np.zeros(0, np.int32)
        self.admit(sources)

    def admit(self, sources: list[list[int]]) -> None:
        """Encodes newcomers behind the rows that there are."""
        self._runner.encode(sources, len(self._tokens))
        last = np.array([len(ids) - 1 for ids in sources], np.int32)
        self._source_last = np.append(self._source_last, last)
        self._tokens = np.append(self._tokens, [self._start_id] * len(sources))
        self._positions = np.append(self._positions, np.zeros(len(sources), np.int32))

    def step(self, candidate_count: int = 3, *, with_normalizers: bool = True) -> Candidates:
        candidates = self._runner.decode(
            self._tokens,
            self._positions,
            self._source_last,
            candidate_count=candidate_count,
            with_normalizers=with_normalizers,
        )
        self._tokens = candidates.ids[:, 0].copy()
        self._positions += 1
        return Candidates(
            candidates.ids.copy(), candidates.logits.copy(), candidates.log_normalizers.copy()
        )

    def fork(self, source: int, count: int) -> None:
        """Appends rows that go on from where `source` is."""
        length, source_length = int(self._positions[source]), int(self._source_last[source]) + 1
        first = len(self._tokens)
        self._runner.fork(
            [Move(source, first + index, length, source_length) for index in range(count)]
        )
        self._tokens = np.append(self._tokens, [self._tokens[source]] * count)
        self._positions = np.append(self._positions, [length] * count).astype(np.int32)
        self._source_last = np.append(self._source_last, [source_length - 1] * count).astype(
            np.int32
        )

    def replace(self, target: int, source: int) -> None:
        """Moves the row at `source` to `target`."""
        length, source_length = int(self._positions[source]), int(self._source_last[source]) + 1
        self._runner.move([Move(source, target, length, source_length)])
        self._tokens[target] = self._tokens[source]
        self._source_last[target] = self._source_last[source]


def same(alone: Candidates, crowd: Candidates, row: int) -> bool:
    return (
        np.array_equal(alone.ids[0], crowd.ids[row])
        and np.array_equal(alone.logits[0], crowd.logits[row])
        and np.array_equal(alone.log_normalizers[0], crowd.log_normalizers[row])
    )
