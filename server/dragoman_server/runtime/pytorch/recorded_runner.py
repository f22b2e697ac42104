"""Runs a bundle's graphs on a GPU: caches stay there, steps are recorded and replayed.

A step is recorded for each of a few numbers of rows and of live positions; what lies between two
numbers of rows is filled with rows that nobody holds. One transfer each way a step. Knows rows and
arrays; knows nothing of sequences, queues or time.
"""

from collections.abc import Collection, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from dragoman_server.runtime.buckets import bucket_of, buckets
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.packing import distinct
from dragoman_server.runtime.pytorch.device_cache import DeviceCache
from dragoman_server.runtime.pytorch.encoding import encode, rounded
from dragoman_server.runtime.pytorch.graphs import Graphs
from dragoman_server.runtime.pytorch.recording import Recorder, Step
from dragoman_server.runtime.pytorch.step_memory import StepMemory
from dragoman_server.search import NO_TOKENS, Candidates, Move, RowCopies
from dragoman_server.sequence import MAX_BEAM_SIZE

CANDIDATES = 2 * MAX_BEAM_SIZE + 1
"""Of each row that come to the host: what the widest beam may ask for."""

FEWEST_PLACES = 64
"""The smallest number of live positions that a step is recorded for."""

GROWTH = 4
"""How many times as many the next one has."""


class Vocabularies(NamedTuple):
    """How many tokens a model has; a device does not check that others are not looked up."""

    source: int
    target: int


class RecordedRunner:
    """One engine's caches and recorded steps. Used by one thread."""

    def __init__(
        self,
        graphs: Graphs,
        shape: CacheShape,
        vocabularies: Vocabularies,
        recorder: Recorder,
        *,
        device: torch.device,
        fixed_shapes: bool = False,
    ) -> None:
        """Allocates everything; records nothing yet.

        Args:
            graphs: On the device.
            shape: Of the caches.
            vocabularies: Of the model.
            recorder: What records and replays.
            device: Where the caches are.
            fixed_shapes: Whether there is one recording, of all rows and positions, and every
                sentence is encoded by itself.

        Raises:
            ConfigError: The device has no room.
        """
        self._graphs = graphs
        self._shape = shape._replace(
            target_capacity=rounded(shape.target_capacity),
            source_capacity=rounded(shape.source_capacity),
        )
        self._vocabularies = vocabularies
        self._limits = np.array([vocabularies.target, shape.target_capacity, shape.source_capacity])
        self._recorder = recorder
        self._device = device
        self._fixed_shapes = fixed_shapes
        self._cache = DeviceCache(self._shape, device)
        self._rows = [shape.max_rows] if fixed_shapes else buckets(shape.max_rows)
        longest = max(self._shape.target_capacity, self._shape.source_capacity)
        self._live = [longest] if fixed_shapes else live_positions(longest)
        self._normalizers = np.zeros(shape.max_rows, np.float32)
        self._steps: dict[tuple[int, int], Step] = {}
        self._candidates = min(CANDIDATES, vocabularies.target)
        self._places = torch.arange(longest, device=device)
        self._memory = StepMemory(
            recorder.staging,
            device,
            rows=shape.max_rows,
            candidates=self._candidates,
            vocabulary=vocabularies.target,
        )

    @property
    def cache_bytes(self) -> int:
        """Memory of the caches."""
        return self._cache.size_bytes

    def warm_up(self, token_id: int) -> None:
        """Runs the encoder and records every step, on rows that nobody holds yet.

        Must be called on the thread that runs the engine. The largest step comes first, so that the
        smaller ones find their scratch memory allocated.
        """
        self._recorder.start()
        with torch.inference_mode():
            self.encode([[token_id]], 0)
            self.move([Move(0, 0, 1, 1)])
            for rows in reversed(self._rows):
                for live in reversed(self._live):
                    self._steps[rows, live] = self._recorder.record(self._step(rows, live))
        self._recorder.wait()

    def encode(
        self,
        source_ids: list[list[int]],
        first_row: int,
        _told_ids: Sequence[Collection[int]] = (),
    ) -> None:
        """Encodes newcomers and writes their keys and values into a row of each.

        A sentence that several of them have is encoded once.

        Raises:
            ValueError: A sentence is out of range.
        """
        self._check_sources(source_ids)
        sentences = distinct(source_ids)
        readers = iter(sentences.values())
        made = encode(self._graphs.encoder, list(sentences), self._device, alone=self._fixed_shapes)
        with torch.inference_mode():
            for encoded in made:
                readers_of = list(islice(readers, len(encoded.lengths)))
                self._cache.admit(first_row, readers_of, encoded.key_values)

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
        """Runs one step of the first rows; see Runner.decode.

        Logits are log-probabilities already and log-normalizers zeros, whatever is wanted.

        Raises:
            ValueError: More candidates are wanted than come to the host, or an input is out of
                range: on a device it would be written beyond the caches.
        """
        del with_normalizers
        if candidate_count > self._candidates:
            raise ValueError(
                f"{candidate_count} candidates are wanted; allowed: at most {self._candidates}"
            )
        given = np.stack([token_ids, positions, source_last])
        self._check(given, wanted_ids)
        rows = len(token_ids)
        bucket = self._rows[bucket_of(self._rows, rows)]
        live = self._live[bucket_of(self._live, int(given[1:].max()) + 1)]
        # Rows from here to the bucket's end write at position 0 of rows that nobody holds.
        self._memory.write(bucket, given)
        self._steps[bucket, live]()
        self._recorder.wait()
        ids, log_probs = self._memory.read(bucket)
        return Candidates(
            ids=ids[:rows, :candidate_count],
            logits=log_probs[:rows, :candidate_count],
            log_normalizers=self._normalizers[:rows],
            wanted_logits=self._memory.wanted(rows, wanted_ids) if len(wanted_ids) else None,
        )

    def fork(self, forks: list[Move]) -> None:
        """Gives rows that are new what others hold, their sources included."""
        self.move(forks)

    def copy(self, copies: RowCopies) -> None:
        """Copies what rows of the cache hold of their targets."""
        with torch.inference_mode():
            self._cache.copy(copies)

    def move(self, moves: list[Move]) -> None:
        """Moves rows of the cache, their sources included."""
        with torch.inference_mode():
            self._cache.move(moves)

    def _step(self, rows: int, live: int) -> Step:
        """What is recorded: a step of so many rows that looks at so many positions."""
        target = min(live, self._shape.target_capacity)
        source = min(live, self._shape.source_capacity)
        caches = self._cache.views(self._graphs.cache_names, rows, target, source)

        def step() -> None:
            token_ids, positions, source_last = self._memory.inputs(rows)
            target_mask = self._places[:target] <= positions[:, None]
            source_mask = self._places[:source] <= source_last[:, None]
            logits = self._graphs.decoder(token_ids, positions, target_mask, source_mask, *caches)
            self._memory.keep(logits)

        return step

    def _check(self, given: NDArray[np.int64], wanted_ids: NDArray[np.int64]) -> None:
        """Raises ValueError unless all inputs of a step are in range."""
        largest = given.max(axis=1)
        if given.min() < 0 or (largest >= self._limits).any():
            raise ValueError(
                f"step out of range: tokens, positions and source_last from {given.min()} up to "
                f"{largest.tolist()}; allowed: from 0, below {self._limits.tolist()}"
            )
        vocabulary = self._vocabularies.target
        if len(wanted_ids) and not 0 <= wanted_ids.min() <= wanted_ids.max() < vocabulary:
            raise ValueError(
                f"wanted tokens are {wanted_ids.min()} to {wanted_ids.max()}; allowed: 0 to "
                f"{vocabulary - 1}"
            )

    def _check_sources(self, source_ids: list[list[int]]) -> None:
        """Raises ValueError unless all sentences are in range."""
        longest = max(map(len, source_ids))
        lowest, highest = min(map(min, source_ids)), max(map(max, source_ids))
        vocabulary, most = self._vocabularies.source, int(self._limits[2])
        if longest > most or lowest < 0 or highest >= vocabulary:
            raise ValueError(
                f"sentences of up to {longest} tokens, {lowest} to {highest}; allowed: up to "
                f"{most} tokens, 0 to {vocabulary - 1}"
            )


def live_positions(capacity: int) -> list[int]:
    """Returns the numbers of positions that a step is recorded for, the last one `capacity`."""
    found = [FEWEST_PLACES]
    while found[-1] < capacity:
        found.append(found[-1] * GROWTH)
    return [*found[:-1], capacity]
