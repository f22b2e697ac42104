"""Decoding with a model's own modules in PyTorch: what its weights say in their precision.

For models whose graphs no provider of this machine can run. Knows modules; knows nothing of ONNX.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dragoman_export.network import (
    TORCH_TYPES,
    Cache,
    DecoderStep,
    Step,
    Transformer,
    TransformerConfig,
    cache_kind,
)
from dragoman_export.verification.graph_decoding import Cache as Array
from dragoman_export.verification.graph_decoding import packed, spread
from dragoman_export.verification.stepwise import Best, Floats, StepwiseDecoder


class EagerDecoder(StepwiseDecoder):
    """The modules of `model`, run as they are."""

    def _steps(self, sources: Sequence[Sequence[int]], limit: int) -> "_Steps":
        transformer = self._model.transformer
        return _Steps(transformer.decoder, *encode(transformer, sources, limit))


@torch.inference_mode()
def encode(
    transformer: Transformer, sources: Sequence[Sequence[int]], limit: int
) -> tuple[Tensor, list[Cache]]:
    """`source_last` and the caches of the decoder, as `graph_decoding.spread` makes them."""
    config = transformer.config
    inputs = {name: torch.from_numpy(array) for name, array in packed(sources).items()}
    # Through float32, which holds all the types of a cache: numpy has no bfloat16.
    key_value = transformer.encoder(**inputs).float().numpy()
    arrays = spread(config, key_value, [len(source) for source in sources], limit)
    kind = cache_kind(config)
    caches: list[Cache] = [
        kind._make(_kept(config, name, arrays[f"{name}_{layer}"]) for name in kind._fields)
        for layer in range(config.decoder_layers)
    ]
    return inputs["source_last"], caches


def _kept(config: TransformerConfig, name: str, array: Array) -> Tensor:
    """What a cache of that name begins with; a state is of float32 whatever is computed with."""
    tensor = torch.from_numpy(array)
    return tensor if name == "self_state" else tensor.to(TORCH_TYPES[config.cache_type])


class WholeSteps(ABC):
    """A decoder in PyTorch, of which the log-probabilities of all tokens are had."""

    def best(self, position: int, token_ids: NDArray[np.int64]) -> Best:
        """See stepwise.Steps."""
        values, ids = self._take(position, token_ids).topk(2, dim=1)
        margins: Floats = (values[:, 0] - values[:, 1]).numpy()
        return Best(ids[:, 0].numpy(), values[:, 0].numpy(), margins)

    def log_probs(
        self,
        position: int,
        token_ids: NDArray[np.int64],
        wanted: NDArray[np.int64],
        live: Sequence[int],
    ) -> Floats:
        """See stepwise.Steps."""
        everything = self._take(position, token_ids).numpy()
        scores: Floats = everything[live, wanted[live]]
        return scores

    @abstractmethod
    def _take(self, position: int, token_ids: NDArray[np.int64]) -> Tensor:
        """One step of every row: log-probabilities of all tokens, (rows, vocab)."""


class _Steps(WholeSteps):
    """The decoder and the caches of a fixed set of rows."""

    def __init__(self, decoder: DecoderStep, source_last: Tensor, caches: list[Cache]) -> None:
        self._decoder = decoder
        self._source_last = source_last
        self._caches = caches
        self._capacities = caches[0].capacities()

    @torch.inference_mode()
    def _take(self, position: int, token_ids: NDArray[np.int64]) -> Tensor:
        positions = torch.full((len(token_ids),), position, dtype=torch.int32)
        step = Step(positions, self._source_last, *self._capacities)
        logits, self._caches = self._decoder.logits(torch.from_numpy(token_ids), step, self._caches)
        return logits.log_softmax(dim=1)
