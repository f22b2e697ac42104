"""Runs a bundle's two graphs with PyTorch on the CPU.

A step looks at the live part of the caches alone. Knows rows and arrays; knows nothing of
sequences, queues or time.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dragoman_server.runtime.kv_cache import CacheShape, KVCache
from dragoman_server.runtime.packing import distinct
from dragoman_server.runtime.pytorch.encoding import encode, rounded
from dragoman_server.runtime.pytorch.graphs import Graphs
from dragoman_server.runtime.pytorch.tensors import array_of, tensor_of
from dragoman_server.runtime.sources import SourceCopies
from dragoman_server.search import NO_TOKENS, Candidates, Move, RowCopies

FEWEST_ROWS = 4
"""Of a step: products of fewer rows take other kernels, which add up in another order."""

PATIENCE = 1024
"""Steps after which the cache gives up room that only long texts needed."""

MOST_VIEWS = 512
"""Numbers of rows and positions for which views of the cache are kept."""


class StepShape(NamedTuple):
    """What of the caches a step takes: the first rows, and their first positions."""

    rows: int
    target: int
    source: int


class TorchRunner:
    """One engine's cache and its steps. Used by one thread.

    All that a step's kernels may choose by is the same for a row whatever its neighbours: so its
    bits are as well. Where kernels choose by the number of rows all the same, `fixed_shapes` takes
    that away too.
    """

    def __init__(
        self, graphs: Graphs, shape: CacheShape, *, threads: int = 1, fixed_shapes: bool = False
    ) -> None:
        """Allocates the cache; runs nothing yet.

        Args:
            graphs: On the CPU.
            shape: Of the cache, which has a few rows and positions more.
            threads: CPU threads within an operator.
            fixed_shapes: Whether every step takes all rows and all positions, and every sentence is
                encoded by itself.

        Raises:
            MemoryError, ValueError: There is no room.
        """
        self._graphs = graphs
        self._threads = threads
        self._fixed_shapes = fixed_shapes
        self._most = StepShape(
            max(shape.max_rows, FEWEST_ROWS),
            rounded(shape.target_capacity),
            rounded(shape.source_capacity),
        )
        self._cache = KVCache(
            shape._replace(
                max_rows=self._most.rows,
                target_capacity=self._most.target,
                source_capacity=self._most.source,
            )
        )
        self._places = torch.arange(max(self._most.target, self._most.source))
        self._views: dict[StepShape, list[Tensor]] = {}
        self._patience = PATIENCE

    @property
    def cache_bytes(self) -> int:
        """Memory of the cache."""
        return self._cache.size_bytes

    def warm_up(self, token_id: int) -> None:
        """Runs both graphs once, so that the first request does not pay for their plans.

        Must be called on the thread that runs the engine: numbers of threads are a thread's own.
        """
        torch.set_num_threads(self._threads)
        row = np.zeros(1, np.int32)
        self.encode([[token_id]], 0)
        self.decode(np.array([token_id]), row, row, candidate_count=1, with_normalizers=True)

    def encode(
        self,
        source_ids: list[list[int]],
        first_row: int,
        _told_ids: Sequence[Collection[int]] = (),
    ) -> None:
        """Encodes newcomers and keeps the keys and values of each for a row of its own.

        A sentence that several of them have is encoded once.
        """
        self._make_room(first_row, source=max(map(len, source_ids)), may_shrink=not first_row)
        sentences = distinct(source_ids)
        readers = iter(sentences.values())
        for encoded in encode(self._graphs.encoder, list(sentences), alone=self._fixed_shapes):
            key_values = array_of(encoded.key_values)
            for place, length in enumerate(encoded.lengths):
                self._cache.admit(first_row, [next(readers)], [length], key_values[:, place])

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
        target, source = int(positions.max()) + 1, int(source_last.max()) + 1
        self._patience -= 1
        self._make_room(rows, target=target, source=source, may_shrink=not self._patience)
        shape = self._most
        if not self._fixed_shapes:
            shape = StepShape(max(rows, FEWEST_ROWS), rounded(target), rounded(source))
        # Rows beyond those that are asked for write at position 0 of rows that nobody holds.
        staged = np.zeros((3, shape.rows), np.int64)
        staged[:, :rows] = token_ids, positions, source_last
        with torch.inference_mode():
            logits = self._logits(torch.from_numpy(staged), shape)[:rows]
            return _chosen(logits, candidate_count, wanted_ids, with_normalizers=with_normalizers)

    def fork(self, forks: list[Move]) -> None:
        """Gives rows that are new what others hold, their sources included."""
        self.move(forks)

    def copy(self, copies: RowCopies) -> None:
        """Copies what rows of the cache hold of their targets."""
        self._cache.copy(copies)

    def move(self, moves: list[Move]) -> None:
        """Moves rows of the cache, their sources included."""
        self._cache.move(moves)
        for source, target, _, source_length in moves:
            self._cache.copy_sources(
                SourceCopies(np.array([source]), np.array([target]), source_length)
            )

    def _make_room(
        self, rows: int, *, target: int = 1, source: int = 1, may_shrink: bool = False
    ) -> None:
        """Makes room for so many positions; the first `rows` rows keep what they hold."""
        if self._fixed_shapes:
            target, source = self._most.target, self._most.source
        room = self._cache.trim if may_shrink else self._cache.reserve
        if room(target=target, source=source, rows=rows, sources=rows):
            self._views.clear()
        if may_shrink:
            self._patience = PATIENCE

    def _logits(self, staged: Tensor, shape: StepShape) -> Tensor:
        """Runs the decoder; (rows, padded vocabulary)."""
        token_ids, positions, source_last = staged
        return self._graphs.decoder(
            token_ids,
            positions,
            self._places[: shape.target] <= positions[:, None],
            self._places[: shape.source] <= source_last[:, None],
            *self._live(shape),
        )

    def _live(self, shape: StepShape) -> list[Tensor]:
        """Views of the cache in the order in which the decoder takes them."""
        if shape not in self._views:
            if len(self._views) == MOST_VIEWS:
                self._views.clear()
            arrays = self._cache.tensors(shape.rows, shape.rows)
            self._views[shape] = [
                self._view(name, arrays[name], shape) for name in self._graphs.cache_names
            ]
        return self._views[shape]

    def _view(self, name: str, array: NDArray[Any], shape: StepShape) -> Tensor:
        if name.startswith("self_state"):
            return tensor_of(array)
        positions = shape.source if name.startswith("cross") else shape.target
        return tensor_of(array[:, :, :positions])


def _chosen(
    logits: Tensor, count: int, wanted_ids: NDArray[np.int64], *, with_normalizers: bool
) -> Candidates:
    """The best `count` of each row of logits (rows, padded vocabulary), and what else is wanted."""
    if count == 1:  # numpy looks for the one best of a row much faster
        ids = logits.numpy().argmax(1)[:, None]
        best = np.take_along_axis(logits.numpy(), ids, 1)
    else:
        values, indices = logits.topk(count)
        ids, best = indices.numpy(), values.numpy()
    normalizers = logits.logsumexp(1).numpy() if with_normalizers else np.zeros(len(ids), "f")
    wanted = logits.numpy()[:, wanted_ids] if len(wanted_ids) else None
    return Candidates(ids, best, normalizers, wanted)
