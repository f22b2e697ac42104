"""The caches of all rows of one engine, allocated once.

Knows rows, positions and layers; knows nothing of sequences or search.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_server.memory import use_small_pages
from dragoman_server.runtime.sources import SourceCopies
from dragoman_server.runtime.states import States
from dragoman_server.search import Move, RowCopies

ELEMENT_BYTES = {"float": 4, "float16": 2, "bfloat16": 2, "int8": 1}
"""Of the elements of any cache, by their ONNX names."""

STATE_TYPE = "float"
"""Of the elements of a state, whatever those of caches are."""

_NUMPY_TYPES: dict[str, type[Any]] = {
    "float": np.float32,
    "float16": np.float16,
    "bfloat16": np.uint16,  # its bits: numpy has no such numbers
    "int8": np.int8,
}
"""Elements that a cache in host memory can have, likewise."""

Cache = NDArray[np.float32] | NDArray[np.float16] | NDArray[np.uint16] | NDArray[np.int8]


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
    shared_rows: int = 1
    """Most rows that read one source's keys and values."""
    state_width: int | None = None
    """Numbers of the vector that a recurrent decoder keeps of a target, in place of keys and
    values."""

    @property
    def row_bytes(self) -> int:
        """Memory of a row."""
        states, positions = 0, self.source_capacity
        if self.state_width is None:
            positions += self.target_capacity
        else:
            states = self.layers * self.state_width * ELEMENT_BYTES[STATE_TYPE]
        elements = 2 * self.layers * self.heads * self.head_dim * positions
        return states + elements * ELEMENT_BYTES[self.data_type]


SMALLEST_CAPACITY = 32
"""Positions that a row has room for at first; doubled as often as need be."""


class _Buffer:
    """One kind of cache, `self` or `cross`, laid out for as many positions as are needed just now.

    Rows lie close together, however long a row may become: what is read stays in few pages, and
    pages that only long texts reach are not touched before one comes. `tensor` is the cache,
    (2*layers, rows, heads, capacity, head_dim), keys of layer l at 2l and values at 2l+1.
    """

    def __init__(self, kind: str, shape: CacheShape, most: int) -> None:
        self._kind = kind
        self._most = most
        self._place = np.dtype((np.void, shape.head_dim * ELEMENT_BYTES[shape.data_type]))
        self._sizes = (2 * shape.layers, shape.max_rows, shape.heads, shape.head_dim)
        layers, rows, heads, head_dim = self._sizes
        self.memory: NDArray[Any] = np.zeros(
            (layers, rows * heads * most * head_dim), _NUMPY_TYPES[shape.data_type]
        )
        # numpy asks for huge pages; a row's few positions would each take one of 2 MiB.
        use_small_pages(self.memory.ctypes.data, self.memory.nbytes)
        self.tensor = self._laid_out(self._capacity_for(1))

    @property
    def capacity(self) -> int:
        """Positions that a row has room for just now."""
        capacity: int = self.tensor.shape[3]
        return capacity

    def reserve(self, positions: int, rows: int) -> bool:
        """Makes room for `positions` in each row; the first `rows` rows keep what they hold.

        Returns whether the cache is laid out anew.
        """
        return positions > self.capacity and self.trim(positions, rows)

    def trim(self, positions: int, rows: int) -> bool:
        """Likewise, and gives up room beyond that."""
        capacity = self._capacity_for(positions)
        if capacity == self.capacity:
            return False
        self._lay_out(capacity, rows)
        return True

    def tensors(self, rows: int) -> dict[str, Cache]:
        """Returns the first rows under the decoder graph's input names, as views."""
        return {
            f"{self._kind}_{('key', 'value')[index % 2]}_{index // 2}": tensor[:rows]
            for index, tensor in enumerate(self.tensor)
        }

    def copy(self, copies: RowCopies) -> None:
        """Lets rows take over positions of others."""
        sources, targets, positions = copies
        # In places of head_dim elements: (2*layers, rows, heads, positions)
        places = self.tensor.view(self._place)[..., 0]
        places[:, targets, :, positions] = places[:, sources, :, positions]

    def move(self, moves: list[Move]) -> None:
        """Copies rows, one after the other, up to their live length."""
        for source, target, target_length, _ in moves:
            self.tensor[:, target, :, :target_length] = self.tensor[:, source, :, :target_length]

    def _capacity_for(self, positions: int) -> int:
        capacity = SMALLEST_CAPACITY
        while capacity < positions:
            capacity *= 2
        return min(capacity, self._most)

    def _laid_out(self, capacity: int) -> NDArray[Any]:
        layers, rows, heads, head_dim = self._sizes
        used = self.memory[:, : rows * heads * capacity * head_dim]
        return used.reshape(layers, rows, heads, capacity, head_dim)

    def _lay_out(self, capacity: int, rows: int) -> None:
        """Old and new layout share the memory: no row may be written before it was read."""
        old, new = self.tensor, self._laid_out(capacity)
        kept = min(self.capacity, capacity)
        grows = capacity > self.capacity
        for row in reversed(range(rows)) if grows else range(rows):
            new[:, row, :, :kept] = old[:, row, :, :kept].copy()
        self.tensor = new


class KVCache:
    """Self-attention and cross-attention caches in host memory: of rows and of their sources.

    Allocated once, for all rows at their longest: `size_bytes`, which they never exceed. Memory
    becomes resident where it is first touched, in the system's smallest pages, and rows are laid
    out for the longest text of just now: only long texts touch all of it.
    """

    def __init__(self, shape: CacheShape) -> None:
        self._self = _targets(shape)
        self._cross = _Buffer("cross", shape, shape.source_capacity)
        self.shape = shape

    @property
    def size_bytes(self) -> int:
        """Memory that it can take."""
        return self._self.memory.nbytes + self._cross.memory.nbytes

    @property
    def target_capacity(self) -> int:
        """Positions that a target has room for just now."""
        return self._self.capacity

    @property
    def layout(self) -> tuple[int, int]:
        """Positions that a target and a source have room for just now.

        Where these come again, `tensors` are the same memory again.
        """
        return self._self.capacity, self._cross.capacity

    def reserve(self, *, target: int, source: int, rows: int, sources: int) -> bool:
        """Makes room for targets and sources of so many positions, at most the shape's.

        The first `rows` rows and `sources` sources keep what they hold. Returns whether `tensors`
        are others now.
        """
        moved = self._self.reserve(target, rows)
        return self._cross.reserve(source, sources) or moved

    def trim(self, *, target: int, source: int, rows: int, sources: int) -> bool:
        """Likewise, and gives up room beyond that."""
        moved = self._self.trim(target, rows)
        return self._cross.trim(source, sources) or moved

    def tensors(self, rows: int, sources: int) -> dict[str, Cache]:
        """Returns the first ones of both under the decoder graph's input names, as views."""
        return {**self._self.tensors(rows), **self._cross.tensors(sources)}

    def admit(
        self, first: int, readers: list[list[int]], source_lengths: list[int], key_values: Cache
    ) -> None:
        """Writes newcomers' sources.

        Args:
            first: The source of the newcomer 0; the others' follow.
            readers: Newcomers that have each sentence.
            source_lengths: Source tokens of each.
            key_values: (2*layers, heads, tokens, head_dim), sentence after sentence.
        """
        start = 0
        for newcomers, length in zip(readers, source_lengths, strict=True):
            encoded = key_values[:, :, start : start + length]
            for newcomer in newcomers:
                self._cross.tensor[:, first + newcomer, :, :length] = encoded
            start += length

    def copy_sources(self, copies: SourceCopies) -> None:
        """Lets sources take others' places."""
        cross, (sources, targets, length) = self._cross.tensor, copies
        cross[:, targets, :, :length] = cross[:, sources, :, :length]

    def copy(self, copies: RowCopies) -> None:
        """Lets rows take over others' targets."""
        self._self.copy(copies)

    def move(self, moves: list[Move]) -> None:
        """Copies rows' targets, one after the other, up to their live length."""
        self._self.move(moves)


def _targets(shape: CacheShape) -> _Buffer | States:
    if shape.state_width is None:
        return _Buffer("self", shape, shape.target_capacity)
    return States(
        layers=shape.layers,
        rows=shape.max_rows,
        width=shape.state_width,
        capacity=shape.target_capacity,
    )
