"""The keys and values of all rows of one engine, allocated once.

Knows rows, positions and layers; knows nothing of sequences or search.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_server.rows import Move, RowCopies

ELEMENT_BYTES = {"float": 4, "float16": 2, "bfloat16": 2, "int8": 1}
"""Of the elements of any cache, by their ONNX names."""

_NUMPY_TYPES: dict[str, type[np.float32] | type[np.int8]] = {"float": np.float32, "int8": np.int8}
"""Elements that a cache in host memory can have, likewise."""

Cache = NDArray[np.float32] | NDArray[np.int8]


class CacheShape(NamedTuple):
    """Sizes of a cache."""

    layers: int
    max_rows: int
    heads: int
    target_capacity: int
    """Positions of the self-attention cache."""
    source_capacity: int
    """Positions of the cross-attention cache."""
    head_dim: int
    data_type: str
    """Of the elements, as the bundle's graphs have it."""

    @property
    def row_bytes(self) -> int:
        """Memory of a row."""
        positions = self.target_capacity + self.source_capacity
        elements = 2 * self.layers * self.heads * self.head_dim * positions
        return elements * ELEMENT_BYTES[self.data_type]


class KVCache:
    """Self-attention and cross-attention caches in host memory.

    Memory becomes resident where a row first reaches it, in pages of up to 2 MiB, so an idle server
    is small; `size_bytes` is what the caches can grow to and never exceed.
    """

    def __init__(self, shape: CacheShape) -> None:
        layers, rows, heads, target, source, head_dim, data_type = shape
        element = _NUMPY_TYPES[data_type]
        # Keys of layer l at 2l, values at 2l+1: (2*layers, rows, heads, positions, head_dim)
        self._self: NDArray[Any] = np.zeros((2 * layers, rows, heads, target, head_dim), element)
        self._cross: NDArray[Any] = np.zeros((2 * layers, rows, heads, source, head_dim), element)
        # self._self in places of head_dim elements: (2*layers, rows, heads, positions)
        place = np.dtype((np.void, head_dim * np.dtype(element).itemsize))
        self._places = self._self.view(place)[..., 0]
        self.layers = layers

    @property
    def size_bytes(self) -> int:
        """Memory that it can take."""
        return self._self.nbytes + self._cross.nbytes

    def tensors(self, rows: int) -> dict[str, Cache]:
        """Returns the first `rows` rows under the decoder graph's input names, as views."""
        views = {}
        for layer in range(self.layers):
            for offset, kind in enumerate(("key", "value")):
                views[f"self_{kind}_{layer}"] = self._self[2 * layer + offset, :rows]
                views[f"cross_{kind}_{layer}"] = self._cross[2 * layer + offset, :rows]
        return views

    def admit(self, row_ranges: list[range], source_lengths: list[int], key_values: Cache) -> None:
        """Writes newcomers' sources into their rows.

        Args:
            row_ranges: Rows of each newcomer, all of which get its source.
            source_lengths: Source tokens of each.
            key_values: (2*layers, heads, tokens, head_dim), sentence after sentence.
        """
        start = 0
        for rows, length in zip(row_ranges, source_lengths, strict=True):
            for row in rows:
                self._cross[:, row, :, :length] = key_values[:, :, start : start + length]
            start += length

    def copy(self, copies: RowCopies) -> None:
        """Lets rows take over others' targets; the sources of a sequence's rows are the same."""
        sources, targets, positions = copies
        self._places[:, targets, :, positions] = self._places[:, sources, :, positions]

    def move(self, moves: list[Move]) -> None:
        """Copies rows, up to their live length."""
        for source, target, target_length, source_length in moves:
            self._self[:, target, :, :target_length] = self._self[:, source, :, :target_length]
            self._cross[:, target, :, :source_length] = self._cross[:, source, :, :source_length]
