"""The caches of all rows of one engine, in a device's memory, allocated once.

The host never sees them: copies are made by the bundle's copy graph, from place to place. Knows
rows, positions and layers; knows nothing of sequences or search.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dragoman_server.errors import ConfigError
from dragoman_server.runtime.device import WORD_BYTES, Binding, Device, Graph, View
from dragoman_server.runtime.kv_cache import ELEMENT_BYTES, STATE_TYPE, CacheShape
from dragoman_server.runtime.places import (
    Places,
    PlaceTable,
    paired_groups,
    paired_offsets,
    prefixes,
    settle,
)
from dragoman_server.runtime.states import copied_rows
from dragoman_server.search import Move, RowCopies

MOST_WORDS = 2**31 - 1
"""Of one cache: onnxruntime's kernels count elements in 32 bits."""


class _Kept:
    """One kind of cache: a buffer, its places, and the names of the tensors that it holds."""

    def __init__(
        self,
        names: Sequence[str],
        places: PlaceTable,
        data_type: str,
        shape: tuple[int, ...],
    ) -> None:
        """`shape` is that of a row of each tensor; it has as many elements as the row's places."""
        self.places = places
        elements = math.prod(shape) // (places.heads * places.positions)
        self.words = elements * ELEMENT_BYTES[data_type] // WORD_BYTES
        self._names = names
        self._data_type = data_type
        self._shape = shape

    def allocate(self, device: Device, copy_graph: Graph) -> None:
        """Takes the memory."""
        self._copy_graph = copy_graph
        self.buffer = device.allocate(self.size)
        groups = paired_groups(self.places.groups, self.places.groups)
        self._within = self.bind(self._view, groups, np.zeros((2, 1, 0), np.int64))

    @property
    def size(self) -> int:
        """In words."""
        return self.places.size * self.words

    def views(self, rows: int) -> dict[str, View]:
        """Returns the first `rows` rows under the decoder graph's input names."""
        tensor_bytes = self.size // self.places.tensors * WORD_BYTES
        return {
            name: View(
                self.buffer.address + index * tensor_bytes,
                (rows, *self._shape),
                self._data_type,
            )
            for index, name in enumerate(self._names)
        }

    def bind(self, source: View, groups: Places, offsets: Places) -> Binding:
        """A run of the copy graph into this cache."""
        return self._copy_graph.bind(
            {"source": source, "target": self._view, "groups": groups, "offsets": offsets},
            {"target_out": self._view},
        )

    def move(
        self,
        source: tuple[NDArray[np.intp], NDArray[np.intp]],
        target: tuple[NDArray[np.intp], NDArray[np.intp]],
    ) -> None:
        """Copies between rows' positions; all is read before anything is written."""
        offsets = paired_offsets(self.places.offsets(*source), self.places.offsets(*target))
        if offsets.size:
            self._within.set_input("offsets", offsets)
            self._within.run()

    @property
    def _view(self) -> View:
        return View(self.buffer.address, (self.places.size, self.words), "int64")


def _key_value(kind: str, shape: CacheShape, positions: int) -> _Kept:
    """Keys of layer l at 2l, values at 2l + 1."""
    names = [f"{kind}_{part}_{layer}" for layer in range(shape.layers) for part in ("key", "value")]
    places = PlaceTable(2 * shape.layers, shape.max_rows, shape.heads, positions)
    return _Kept(names, places, shape.data_type, (shape.heads, positions, shape.head_dim))


def _states(layers: int, rows: int, width: int) -> _Kept:
    """Each of them is one place."""
    names = [f"self_state_{layer}" for layer in range(layers)]
    return _Kept(names, PlaceTable(layers, rows, 1, 1), STATE_TYPE, (width,))


class DeviceCache:
    """What is kept of targets, and cross-attention caches."""

    def __init__(self, shape: CacheShape, device: Device, copy_graph: Graph) -> None:
        """Allocates them.

        Raises:
            ConfigError: They are too large, for onnxruntime or for the device.
        """
        self._is_recurrent = shape.state_width is not None
        self._self = (
            _key_value("self", shape, shape.target_capacity)
            if shape.state_width is None
            else _states(shape.layers, shape.max_rows, shape.state_width)
        )
        self._cross = _key_value("cross", shape, shape.source_capacity)
        sizes = [self._self.size, self._cross.size]
        if max(sizes) > MOST_WORDS:
            raise ConfigError(
                f"a cache of {max(sizes) * WORD_BYTES:,} bytes is more than one may have, "
                f"{MOST_WORDS * WORD_BYTES:,}: lower max_batch_size or the lengths"
            )
        self.size_bytes = sum(sizes) * WORD_BYTES
        for kept in (self._self, self._cross):
            kept.allocate(device, copy_graph)

    def views(self, rows: int) -> dict[str, View]:
        """Returns the first `rows` rows under the decoder graph's input names."""
        return {**self._self.views(rows), **self._cross.views(rows)}

    def admit(
        self, first_row: int, readers: list[list[int]], source_lengths: list[int], key_values: View
    ) -> None:
        """Writes newcomers' sources into their rows.

        Args:
            first_row: Row of the newcomer 0; the others' follow.
            readers: Newcomers that have each sentence.
            source_lengths: Source tokens of each.
            key_values: (2*layers, heads, tokens, head_dim), sentence after sentence.
        """
        lengths = np.array(source_lengths)
        starts = np.cumsum(lengths) - lengths
        has = np.repeat(np.arange(len(readers)), [len(each) for each in readers])  # (newcomers,)
        newcomers = np.concatenate(readers)
        index, positions = prefixes(lengths[has])
        target = self._cross.places
        source = PlaceTable(target.tensors, 1, target.heads, key_values.shape[2])
        groups = paired_groups(source.groups, target.groups)
        offsets = paired_offsets(
            starts[has[index]] + positions,
            target.offsets(first_row + newcomers[index], positions),
        )
        packed = View(key_values.address, (source.size, self._cross.words), "int64")
        self._cross.bind(packed, groups, offsets).run()

    def copy(self, copies: RowCopies) -> None:
        """Lets rows take over others' targets; the sources of a sequence's rows are the same."""
        sources, targets, positions = copies
        if self._is_recurrent:
            sources, targets = copied_rows(copies)
            positions = np.zeros_like(targets)
        self._self.move((sources, positions), (targets, positions))

    def move(self, moves: list[Move]) -> None:
        """Copies rows, up to their live length."""
        table = np.array(settle(moves))  # (moves, fields)
        sources, targets, target_lengths, source_lengths = table.T
        if self._is_recurrent:
            target_lengths = np.ones_like(targets)
        for kept, lengths in ((self._self, target_lengths), (self._cross, source_lengths)):
            index, positions = prefixes(lengths)
            kept.move((sources[index], positions), (targets[index], positions))
