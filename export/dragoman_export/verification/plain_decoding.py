"""Decoding with the graphs that PyTorch alone runs, on the CPU.

Knows TorchScript and torch.export's files. Does not know text, and takes no care of speed.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dragoman_export.graphs import TORCHSCRIPT, GraphFormat
from dragoman_export.model import ImportedModel
from dragoman_export.network import TransformerConfig
from dragoman_export.verification.eager_decoding import WholeSteps
from dragoman_export.verification.stepwise import StepwiseDecoder

PlainGraph = Callable[..., Any]
"""Takes tensors and returns one, or several."""


class PlainGraphDecoder(StepwiseDecoder):
    """The graphs in `directory`, made from `model`."""

    def __init__(self, directory: Path, model: ImportedModel, graph_format: GraphFormat) -> None:
        super().__init__(model)
        self._encoder = load_plain(directory / graph_format.file("encoder"), graph_format)
        self._decoder = load_plain(directory / graph_format.file("decoder"), graph_format)

    @torch.no_grad()
    def _steps(self, sources: Sequence[Sequence[int]], limit: int) -> "_Steps":
        rows, longest = len(sources), max(map(len, sources))
        lengths = torch.tensor([len(source) for source in sources])
        source_mask = torch.arange(longest) < lengths[:, None]
        token_ids = torch.zeros((rows, longest), dtype=torch.int64)
        token_ids[source_mask] = torch.tensor([i for source in sources for i in source])
        key_value = self._encoder(token_ids, source_mask)
        caches = _caches(self._model.config, key_value, limit)
        return _Steps(self._decoder, source_mask, caches, limit)


def load_plain(file: Path, graph_format: GraphFormat) -> PlainGraph:
    """Loads a graph as anybody does who has PyTorch and nothing else."""
    with warnings.catch_warnings():
        # Of TorchScript as a whole, which export says once.
        warnings.filterwarnings("ignore", r"`torch\.jit\.", DeprecationWarning)
        if graph_format is TORCHSCRIPT:
            loaded: PlainGraph = torch.jit.load(file)  # type: ignore[no-untyped-call]
            return loaded
        return torch.export.load(file).module()


def _caches(config: TransformerConfig, key_value: Tensor, limit: int) -> list[Tensor]:
    """Of all layers, one row a sentence, for targets of at most `limit` tokens."""
    _, rows, heads, _, head_dim = key_value.shape
    caches: list[Tensor] = []
    for layer in range(config.decoder_layers):
        if config.recurrent:
            caches.append(torch.zeros((rows, config.model_dim)))
        else:
            shape = (rows, heads, limit, head_dim)
            caches += [torch.zeros(shape, dtype=key_value.dtype) for _ in ("keys", "values")]
        caches += [key_value[2 * layer], key_value[2 * layer + 1]]
    return caches


class _Steps(WholeSteps):
    """The decoder and the caches of a fixed set of rows."""

    def __init__(
        self, decoder: PlainGraph, source_mask: Tensor, caches: list[Tensor], limit: int
    ) -> None:
        self._decoder = decoder
        self._source_mask = source_mask
        self._caches = caches
        self._places = torch.arange(limit)

    @torch.no_grad()
    def _take(self, position: int, token_ids: NDArray[np.int64]) -> Tensor:
        positions = torch.full((len(token_ids),), position)
        target_mask = (self._places <= position).expand(len(token_ids), -1)
        logits: Tensor = self._decoder(
            torch.from_numpy(token_ids), positions, target_mask, self._source_mask, *self._caches
        )
        return logits.log_softmax(dim=1)
