"""Runs a bundle's graphs on a device: caches stay there, steps are recorded and replayed.

A step is recorded once for each of a few numbers of rows, on the thread that replays it; what lies
between two of them is filled with rows that nobody holds. One transfer each way a step. Knows rows
and arrays; knows nothing of sequences, queues or time.
"""

from collections.abc import Collection, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_server.runtime.buckets import bucket_of, buckets
from dragoman_server.runtime.device import WORD_BYTES, Binding, Buffer, Device, Graph, View
from dragoman_server.runtime.device_cache import DeviceCache
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.packing import batches, distinct, pack
from dragoman_server.search import NO_TOKENS, Candidates, Move, RowCopies

STEP_INPUTS = ("token_ids", "positions", "source_last")
"""In the order in which they lie in the one buffer that is sent."""

LANE = 64
"""Each of them takes a multiple of so many int32: 256 bytes, as allocators align."""


class DeviceGraphs(NamedTuple):
    """A bundle's graphs, loaded on one device."""

    encoder: Graph
    decoder: Graph
    copy: Graph


class StepLimits(NamedTuple):
    """What a step's inputs must stay below: a device does not check."""

    vocabulary: int
    target_capacity: int
    source_capacity: int


class _Step(NamedTuple):
    """The decoder's inputs and outputs for one number of rows."""

    rows: int
    staged: NDArray[np.int32]  # (3, lane), what is sent
    inputs: Buffer
    results: Buffer
    binding: Binding


class DeviceRunner:
    """One engine's caches and recorded steps. Used by one thread."""

    def __init__(
        self,
        graphs: DeviceGraphs,
        device: Device,
        shape: CacheShape,
        *,
        vocabulary: int,
        candidates: int,
    ) -> None:
        """Allocates everything.

        Raises:
            ConfigError: The device has no room.
        """
        self._graphs = graphs
        self._device = device
        self._cache = DeviceCache(shape, device, graphs.copy)
        self._limits = StepLimits(vocabulary, shape.target_capacity, shape.source_capacity)
        self._candidates = candidates
        self._buckets = buckets(shape.max_rows)
        self._steps = [self._bind(rows) for rows in self._buckets]
        self._normalizers = np.zeros(shape.max_rows, np.float32)

    @property
    def cache_bytes(self) -> int:
        """Memory of the caches."""
        return self._cache.size_bytes

    def warm_up(self, token_id: int) -> None:
        """Runs every graph once and records every step, on rows that nobody holds yet.

        Must be called on the thread that runs the engine: recordings belong to their thread. The
        largest step comes first, so that the smaller ones find their scratch memory allocated.
        """
        self.encode([[token_id]], 0)
        self.move([Move(0, 0, 1, 1)])
        for rows in reversed(self._buckets):
            zeros = np.zeros(rows, np.int32)
            self.decode(
                np.full(rows, token_id), zeros, zeros, candidate_count=1, with_normalizers=True
            )

    def encode(
        self,
        source_ids: list[list[int]],
        first_row: int,
        _told_ids: Sequence[Collection[int]] = (),
    ) -> None:
        """Encodes newcomers and writes their keys and values into a row of each.

        A sentence that several of them have is encoded once.
        """
        sentences = distinct(source_ids)
        readers = iter(sentences.values())
        for batch in batches(sentences):
            sources = pack(batch)
            encoder = self._graphs.encoder.bind(sources._asdict(), {"cross_key_value": None})
            encoder.run()
            readers_of = list(islice(readers, len(batch)))
            self._cache.admit(first_row, readers_of, sources.lengths, encoder.output())

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
        """Runs one step of the first rows; see ModelRunner.decode.

        Logits are log-probabilities already and log-normalizers zeros, whatever is wanted; logits
        of wanted tokens are not given.

        Raises:
            ValueError: More candidates are wanted than the graph returns, or an input is out of
                range: on a device it would be written beyond the caches.
        """
        del with_normalizers, wanted_ids
        if candidate_count > self._candidates:
            raise ValueError(
                f"{candidate_count} candidates are wanted, the graph returns {self._candidates}"
            )
        rows = len(token_ids)
        index = bucket_of(self._buckets, rows)
        step = self._steps[index]
        # Rows from here to the bucket's end write at position 0 of rows that nobody holds.
        step.staged[:, rows : step.rows] = 0
        for lane, values in zip(step.staged, (token_ids, positions, source_last), strict=True):
            lane[:rows] = values
        self._check(step.staged[:, :rows])
        step.inputs.write(step.staged.reshape(-1).view(np.int64))
        step.binding.run(index + 1)  # 0 is onnxruntime's own
        return self._unpack(step, rows, candidate_count)

    def fork(self, forks: list[Move]) -> None:
        """Gives rows that are new what others hold, their sources included."""
        self._cache.move(forks)

    def copy(self, copies: RowCopies) -> None:
        """Copies what rows of the cache hold of their targets."""
        self._cache.copy(copies)

    def move(self, moves: list[Move]) -> None:
        """Moves rows of the cache."""
        self._cache.move(moves)

    def _check(self, staged: NDArray[np.int32]) -> None:
        """Raises ValueError unless all inputs are in range."""
        largest = staged.max(axis=1)
        if staged.min() < 0 or (largest >= self._limits).any():
            given = dict(zip(STEP_INPUTS, largest.tolist(), strict=True))
            raise ValueError(f"step out of range: up to {given}, allowed is below {self._limits}")

    def _unpack(self, step: _Step, rows: int, candidate_count: int) -> Candidates:
        words = step.results.read()
        count = step.rows * self._candidates
        shape = (step.rows, self._candidates)
        ids = words[:count].reshape(shape)
        log_probs = words[count:].view(np.float32)[:count].reshape(shape)
        return Candidates(
            ids=ids[:rows, :candidate_count],
            logits=log_probs[:rows, :candidate_count],
            log_normalizers=self._normalizers[:rows],
        )

    def _bind(self, rows: int) -> _Step:
        lane = -(-rows // LANE) * LANE
        staged = np.zeros((len(STEP_INPUTS), lane), np.int32)
        inputs = self._device.allocate(staged.nbytes // WORD_BYTES)
        count = rows * self._candidates
        results = self._device.allocate(count + -(-count // 2))
        views: dict[str, View | NDArray[np.int32]] = {
            name: View(inputs.address + index * lane * 4, (rows,), "int32")
            for index, name in enumerate(STEP_INPUTS)
        }
        views["target_places"] = np.array([self._limits.target_capacity], np.int32)
        views["source_places"] = np.array([self._limits.source_capacity], np.int32)
        caches = self._cache.views(rows)
        shape = (rows, self._candidates)
        outputs: dict[str, View | None] = {
            "candidate_ids": View(results.address, shape, "int64"),
            "candidate_log_probs": View(results.address + count * WORD_BYTES, shape, "float"),
            **{f"{name}_out": view for name, view in caches.items()},
        }
        binding = self._graphs.decoder.bind(views | caches, outputs)
        return _Step(rows, staged, inputs, results, binding)
