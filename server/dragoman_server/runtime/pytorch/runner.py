"""Runs a bundle's two graphs with PyTorch on whatever device, as they come.

A step looks at the live part of the caches alone. Knows rows and arrays; knows nothing of
sequences, queues or time.
"""

from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dragoman_server.runtime.packing import distinct
from dragoman_server.runtime.pytorch.cache import TorchCache
from dragoman_server.runtime.pytorch.encoding import encode
from dragoman_server.runtime.pytorch.graphs import Graph
from dragoman_server.search import NO_TOKENS, Candidates, Move, RowCopies

FEWEST_ROWS = 4
"""Of a step: products of fewer rows take other kernels, which add up in another order."""

PLACES = 16
"""Live positions are rounded up to a multiple: so attention adds up a row's positions in one order,
whatever the longest of the rows is."""

MOST_STEPS = 512
"""Shapes of the caches' live part for which views are kept."""


class Graphs(NamedTuple):
    """A bundle's graphs, loaded on one device. All engines share them and their weights."""

    encoder: Graph
    decoder: Graph


class TorchRunner:
    """One engine's cache and its steps. Used by one thread."""

    def __init__(
        self, graphs: Graphs, cache: TorchCache, *, threads: int, fixed_shapes: bool
    ) -> None:
        """Runs nothing yet.

        Args:
            graphs: Of the cache's device.
            cache: Has FEWEST_ROWS rows or more.
            threads: CPU threads within an operator.
            fixed_shapes: Whether every step takes all rows and all positions, and every sentence is
                encoded alone: the same bits on any processor.
        """
        self._graphs = graphs
        self._cache = cache
        self._threads = threads
        self._fixed_shapes = fixed_shapes
        self._views: dict[tuple[int, int, int], list[Tensor]] = {}
        longest = max(cache.shape.target_capacity, cache.shape.source_capacity)
        self._places = torch.arange(longest, dtype=torch.int64)

    @property
    def cache_bytes(self) -> int:
        """Memory of the caches."""
        return self._cache.size_bytes

    def warm_up(self, token_id: int) -> None:
        """Runs both graphs, which are optimised at their second run, on the engine's own thread."""
        torch.set_num_threads(self._threads)
        row = np.zeros(1, np.int32)
        for _ in range(2):
            self.encode([[token_id]], 0)
            self.decode(np.array([token_id]), row, row, candidate_count=1, with_normalizers=True)

    def encode(self, source_ids: list[list[int]], first_row: int) -> None:
        """Encodes newcomers and keeps the keys and values of each for a row of its own.

        A sentence that several of them have is encoded once.
        """
        sentences = distinct(source_ids)
        readers = iter(sentences.values())
        encoder, device = self._graphs.encoder, self._cache.device
        for encoded in encode(encoder, list(sentences), device, alone=self._fixed_shapes):
            readers_of = list(islice(readers, len(encoded.lengths)))
            self._cache.admit(first_row, readers_of, encoded.lengths, encoded.key_values)

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
        """Runs one step of the first rows. See Runner.decode."""
        rows = len(token_ids)
        shape = self._step_shape(rows, int(positions.max()) + 1, int(source_last.max()) + 1)
        # Rows beyond those that are asked for write at position 0 of rows that nobody holds.
        staged = np.zeros((3, shape[0]), np.int64)
        staged[:, :rows] = token_ids, positions, source_last
        with torch.inference_mode():
            logits = self._step(torch.from_numpy(staged), shape)[:rows]
            best = logits.topk(candidate_count)
            normalizers = logits.logsumexp(1).numpy() if with_normalizers else np.zeros(rows, "f")
            wanted = logits[:, torch.from_numpy(wanted_ids)].numpy() if len(wanted_ids) else None
        return Candidates(best.indices.numpy(), best.values.numpy(), normalizers, wanted)

    def fork(self, forks: list[Move]) -> None:
        """Gives rows that are new what others hold, their sources included."""
        self._cache.move(forks)

    def copy(self, copies: RowCopies) -> None:
        """Copies what rows of the cache hold of their targets."""
        self._cache.copy(copies)

    def move(self, moves: list[Move]) -> None:
        """Moves rows of the cache."""
        self._cache.move(moves)

    def _step_shape(self, rows: int, target: int, source: int) -> tuple[int, int, int]:
        """Rows and positions that a step takes, which hold those that are asked for."""
        most = self._cache.shape
        if self._fixed_shapes:
            return most.max_rows, most.target_capacity, most.source_capacity
        return (
            max(rows, FEWEST_ROWS),
            min(rounded(target), most.target_capacity),
            min(rounded(source), most.source_capacity),
        )

    def _step(self, staged: Tensor, shape: tuple[int, int, int]) -> Tensor:
        """Returns logits, (rows, padded vocabulary)."""
        _, target, source = shape
        token_ids, positions, source_last = staged
        return self._graphs.decoder(
            token_ids,
            positions,
            self._places[:target] <= positions[:, None],
            self._places[:source] <= source_last[:, None],
            *self._live(shape),
        )

    def _live(self, shape: tuple[int, int, int]) -> list[Tensor]:
        if shape not in self._views:
            if len(self._views) == MOST_STEPS:
                self._views.clear()
            self._views[shape] = self._cache.views(*shape)
        return self._views[shape]


def rounded(positions: int) -> int:
    """Up to a multiple of PLACES."""
    return -(-positions // PLACES) * PLACES
