"""The keys and values of all rows of one engine, in a device's memory, allocated once.

The host never sees them: copies are made by the bundle's copy graph, from place to place. Knows
rows, positions and layers; knows nothing of sequences or search.
"""

import numpy as np
from numpy.typing import NDArray

from dragoman_server.errors import ConfigError
from dragoman_server.runtime.device import WORD_BYTES, Binding, Device, Graph, View
from dragoman_server.runtime.kv_cache import ELEMENT_BYTES, CacheShape
from dragoman_server.runtime.places import (
    Places,
    PlaceTable,
    paired_groups,
    paired_offsets,
    prefixes,
    settle,
)
from dragoman_server.search import Move, RowCopies

MOST_WORDS = 2**31 - 1
"""Of one cache: onnxruntime's kernels count elements in 32 bits."""


class DeviceCache:
    """Self-attention and cross-attention caches."""

    def __init__(self, shape: CacheShape, device: Device, copy_graph: Graph) -> None:
        """Allocates them.

        Raises:
            ConfigError: They are too large, for onnxruntime or for the device.
        """
        self._shape = shape
        self._copy_graph = copy_graph
        tensors, rows, heads = 2 * shape.layers, shape.max_rows, shape.heads
        self._words = shape.head_dim * ELEMENT_BYTES[shape.data_type] // WORD_BYTES
        # Keys of layer l at 2l, values at 2l + 1
        self._self_places = PlaceTable(tensors, rows, heads, shape.target_capacity)
        self._cross_places = PlaceTable(tensors, rows, heads, shape.source_capacity)
        sizes = [table.size * self._words for table in (self._self_places, self._cross_places)]
        if max(sizes) > MOST_WORDS:
            raise ConfigError(
                f"a cache of {max(sizes) * WORD_BYTES:,} bytes is more than one may have, "
                f"{MOST_WORDS * WORD_BYTES:,}: lower max_batch_size or the lengths"
            )
        self.size_bytes = sum(sizes) * WORD_BYTES
        self._self, self._cross = (device.allocate(words) for words in sizes)
        self._self_to_self = self._within(self._self_view, self._self_places)
        self._cross_to_cross = self._within(self._cross_view, self._cross_places)

    def views(self, rows: int) -> dict[str, View]:
        """Returns the first `rows` rows under the decoder graph's input names."""
        views = {}
        for tensor in range(2 * self._shape.layers):
            kind, layer = ("key", "value")[tensor % 2], tensor // 2
            for name, buffer, table in (
                ("self", self._self, self._self_places),
                ("cross", self._cross, self._cross_places),
            ):
                first = table.size // table.tensors * tensor  # place
                views[f"{name}_{kind}_{layer}"] = View(
                    buffer.address + first * self._words * WORD_BYTES,
                    (rows, table.heads, table.positions, self._shape.head_dim),
                    self._shape.data_type,
                )
        return views

    def admit(self, first_row: int, source_lengths: list[int], key_values: View) -> None:
        """Writes newcomers' sources into their rows.

        Args:
            first_row: Row of the first of them; the others follow.
            source_lengths: Source tokens of each.
            key_values: (2*layers, heads, tokens, head_dim), sentence after sentence.
        """
        lengths = np.array(source_lengths)
        index, positions = prefixes(lengths)
        starts = np.cumsum(lengths) - lengths
        target = self._cross_places
        source = PlaceTable(target.tensors, 1, target.heads, key_values.shape[2])
        groups = paired_groups(source.groups, target.groups)
        offsets = paired_offsets(
            starts[index] + positions, target.offsets(first_row + index, positions)
        )
        packed = View(key_values.address, (source.size, self._words), "int64")
        self._bind(packed, self._cross_view, groups, offsets).run()

    def copy(self, copies: RowCopies) -> None:
        """Lets rows take over others' targets; the sources of a sequence's rows are the same."""
        sources, targets, positions = copies
        self._move(
            self._self_to_self,
            self._self_places,
            (sources, positions),
            (targets, positions),
        )

    def move(self, moves: list[Move]) -> None:
        """Copies rows, up to their live length."""
        table = np.array(settle(moves))  # (moves, fields)
        sources, targets, target_lengths, source_lengths = table.T
        for binding, places, lengths in (
            (self._self_to_self, self._self_places, target_lengths),
            (self._cross_to_cross, self._cross_places, source_lengths),
        ):
            index, positions = prefixes(lengths)
            self._move(binding, places, (sources[index], positions), (targets[index], positions))

    def _move(
        self,
        binding: Binding,
        table: PlaceTable,
        source: tuple[NDArray[np.intp], NDArray[np.intp]],
        target: tuple[NDArray[np.intp], NDArray[np.intp]],
    ) -> None:
        """Copies between rows' positions of one cache; all is read before anything is written."""
        offsets = paired_offsets(table.offsets(*source), table.offsets(*target))
        if offsets.size:
            binding.set_input("offsets", offsets)
            binding.run()

    @property
    def _self_view(self) -> View:
        return View(self._self.address, (self._self_places.size, self._words), "int64")

    @property
    def _cross_view(self) -> View:
        return View(self._cross.address, (self._cross_places.size, self._words), "int64")

    def _within(self, view: View, table: PlaceTable) -> Binding:
        groups = paired_groups(table.groups, table.groups)
        nothing = np.zeros((2, 1, 0), np.int64)
        return self._bind(view, view, groups, nothing)

    def _bind(self, source: View, target: View, groups: Places, offsets: Places) -> Binding:
        return self._copy_graph.bind(
            {"source": source, "target": target, "groups": groups, "offsets": offsets},
            {"target_out": target},
        )
