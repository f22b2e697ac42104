"""The caches of all rows of one engine as tensors in a device's memory, allocated once.

Each row has a source of its own. What is copied is copied at once, whatever its number: each call
is one transfer of indices and a few kernels. Knows rows, positions and layers; knows nothing of
sequences or search.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dragoman_server.errors import ConfigError
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.places import prefixes, settle
from dragoman_server.runtime.states import copied_rows
from dragoman_server.search import Move, RowCopies

ELEMENT_TYPES = {"float": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""Of caches, by their names in the manifest."""


class DeviceCache:
    """What is kept of targets, and cross-attention caches.

    Keys and values are (2*layers, rows, heads, positions, head_dim), keys of layer l at 2l and
    values at 2l + 1; states of a recurrent decoder (layers, rows, width) float32.
    """

    def __init__(self, shape: CacheShape, device: torch.device) -> None:
        """Allocates them.

        Raises:
            ConfigError: The device has no room.
        """
        self._shape = shape
        self._device = device
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
                f"no room for {shape.max_rows * shape.row_bytes:,} bytes on the device: lower "
                "kv_cache_memory, max_batch_size or the lengths"
            ) from error
        self.size_bytes = self._self.nbytes + self._cross.nbytes

    def _key_values(self, positions: int) -> Tensor:
        shape = self._shape
        return torch.zeros(
            (2 * shape.layers, shape.max_rows, shape.heads, positions, shape.head_dim),
            dtype=ELEMENT_TYPES[shape.data_type],
            device=self._device,
        )

    def views(self, names: Sequence[str], rows: int, target: int, source: int) -> list[Tensor]:
        """Returns the first rows and positions of caches.

        Args:
            names: Of the decoder's inputs.
            rows: How many.
            target: Positions of targets.
            source: Positions of sources.
        """
        own = self._self[:, :rows] if self._is_recurrent else self._self[:, :rows, :, :target]
        cross = self._cross[:, :rows, :, :source]
        tensors: dict[str, Tensor] = {}
        for layer in range(self._shape.layers):
            kinds = {"cross_key": cross[2 * layer], "cross_value": cross[2 * layer + 1]}
            kinds |= (
                {"self_state": own[layer]}
                if self._is_recurrent
                else {"self_key": own[2 * layer], "self_value": own[2 * layer + 1]}
            )
            tensors |= {f"{kind}_{layer}": tensor for kind, tensor in kinds.items()}
        return [tensors[name] for name in names]

    def admit(self, first_row: int, readers: Sequence[Sequence[int]], key_values: Tensor) -> None:
        """Writes newcomers' sources into their rows, what follows them in the batch included.

        Args:
            first_row: Row of the newcomer 0; the others' follow.
            readers: Newcomers that have each sentence.
            key_values: (2*layers, sentences or more, heads, source, head_dim), of the encoder.
        """
        sentences = np.repeat(np.arange(len(readers)), [len(each) for each in readers])
        rows, read = self._sent(first_row + np.concatenate(readers), sentences)
        self._cross[:, rows, :, : key_values.shape[3]] = key_values[:, read]

    def copy(self, copies: RowCopies) -> None:
        """Lets rows take over others' targets; the sources of a sequence's rows are the same."""
        if self._is_recurrent:
            sources, targets = self._sent(*copied_rows(copies))
            self._self[:, targets] = self._self[:, sources]
        else:
            sources, targets, positions = self._sent(*copies)
            self._self[:, targets, :, positions] = self._self[:, sources, :, positions]

    def move(self, moves: list[Move]) -> None:
        """Copies rows, up to their live length."""
        sources, targets, target_lengths, source_lengths = np.array(settle(moves)).T
        if self._is_recurrent:
            copies = RowCopies(sources, targets, np.zeros_like(sources))
        else:
            index, positions = prefixes(target_lengths)
            copies = RowCopies(sources[index], targets[index], positions)
        self.copy(copies)
        index, positions = prefixes(source_lengths)
        from_rows, to_rows, places = self._sent(sources[index], targets[index], positions)
        self._cross[:, to_rows, :, places] = self._cross[:, from_rows, :, places]

    def _sent(self, *arrays: NDArray[Any]) -> tuple[Tensor, ...]:
        """Indices of like length on the device, in one transfer."""
        stacked = np.stack(arrays).astype(np.int64, copy=False)
        return torch.from_numpy(stacked).to(self._device).unbind()
