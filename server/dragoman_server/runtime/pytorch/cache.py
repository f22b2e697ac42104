"""The caches of all rows of one engine as tensors in a device's memory, allocated once.

Each row has a source of its own. Knows rows, positions and layers; knows nothing of sequences or
search.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dragoman_server.errors import ConfigError
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.states import copied_rows
from dragoman_server.search import Move, RowCopies

ELEMENT_TYPES = {"float": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""Of caches, by their names in the manifest."""


class TorchCache:
    """What is kept of targets, and cross-attention caches.

    Tensors of keys and values are (2*layers, rows, heads, positions, head_dim), keys of layer l at
    2l and values at 2l + 1; states of a recurrent decoder (layers, rows, width) float32.
    """

    def __init__(self, shape: CacheShape, device: torch.device) -> None:
        """Allocates them.

        Raises:
            ConfigError: The device has no room.
        """
        self.shape = shape
        self.device = device
        self._is_recurrent = shape.state_width is not None
        try:
            self._self = (
                self._key_values(shape.target_capacity)
                if shape.state_width is None
                else torch.zeros((shape.layers, shape.max_rows, shape.state_width), device=device)
            )
            self._cross = self._key_values(shape.source_capacity)
        except RuntimeError as error:  # of which torch.OutOfMemoryError is one
            raise ConfigError(
                f"no room for {shape.max_rows * shape.row_bytes:,} bytes of caches: lower "
                "kv_cache_memory, max_batch_size, engines or the lengths"
            ) from error
        self.size_bytes = self._self.nbytes + self._cross.nbytes

    def _key_values(self, positions: int) -> Tensor:
        shape = self.shape
        return torch.zeros(
            (2 * shape.layers, shape.max_rows, shape.heads, positions, shape.head_dim),
            dtype=ELEMENT_TYPES[shape.data_type],
            device=self.device,
        )

    def views(self, rows: int, target: int, source: int) -> list[Tensor]:
        """Returns the live part in the order of the decoder graph's inputs.

        Args:
            rows: The first ones.
            target: Positions of targets.
            source: Positions of sources.
        """
        own = self._self[:, :rows] if self._is_recurrent else self._self[:, :rows, :, :target]
        each = len(own) // self.shape.layers
        cross = self._cross[:, :rows, :, :source]
        return [
            tensor
            for layer in range(self.shape.layers)
            for tensor in (
                *own[each * layer : each * (layer + 1)].unbind(),
                *cross[2 * layer : 2 * layer + 2].unbind(),
            )
        ]

    def admit(
        self, first_row: int, readers: Sequence[Sequence[int]], lengths: Sequence[int], new: Tensor
    ) -> None:
        """Writes newcomers' sources into their rows.

        Args:
            first_row: Row of the newcomer 0; the others' follow.
            readers: Newcomers that have each sentence.
            lengths: Source tokens of each.
            new: (2*layers, sentences, heads, source, head_dim), of the encoder.
        """
        for sentence, (newcomers, length) in enumerate(zip(readers, lengths, strict=True)):
            rows = self._index(np.array(newcomers) + first_row)
            self._cross[:, rows, :, :length] = new[:, sentence, None, :, :length]

    def copy(self, copies: RowCopies) -> None:
        """Lets rows take over others' targets; the sources of a sequence's rows are the same."""
        if self._is_recurrent:
            sources, targets = map(self._index, copied_rows(copies))
            self._self[:, targets] = self._self[:, sources]
            return
        sources, targets, positions = map(self._index, copies)
        self._self[:, targets, :, positions] = self._self[:, sources, :, positions]

    def move(self, moves: list[Move]) -> None:
        """Copies rows, one after the other, up to their live length."""
        for source, target, target_length, source_length in moves:
            if self._is_recurrent:
                self._self[:, target] = self._self[:, source]
            else:
                self._self[:, target, :, :target_length] = self._self[:, source, :, :target_length]
            self._cross[:, target, :, :source_length] = self._cross[:, source, :, :source_length]

    def _index(self, numbers: NDArray[np.intp]) -> Tensor:
        return torch.from_numpy(numbers.astype(np.int64, copy=False)).to(self.device)
