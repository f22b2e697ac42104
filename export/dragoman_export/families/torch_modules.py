"""A user's module around torch.nn.Transformer, built once more of PyTorch's own parts.

What the exported graphs are held against: the state dict goes into PyTorch's modules as it is, and
what the description says is done around them. Knows nothing of the canonical Transformer, nor of
the names that its tensors get.
"""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from dragoman_export.families.described import DEFAULT_POSITIONS, STORED, Description
from dragoman_export.families.torch_tensors import Names

TITLE = "torch.nn.Transformer"


class Arguments(NamedTuple):
    """What nn.Transformer was made with, as far as it makes a difference, under its names."""

    nhead: int
    activation: Literal["relu", "gelu"]
    norm_first: bool
    layer_norm_eps: float
    bias: bool


class TorchModules(nn.Module):
    """Embeddings, positions, an nn.Transformer and the output projection."""

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        names: Names,
        arguments: Arguments,
        description: Description,
    ) -> None:
        """Builds it in float32, of a state dict that fits its description."""
        super().__init__()
        self._sources, self._targets = (
            tensors[name].float() for name in (names.source_embedding, names.target_embedding)
        )
        dim = self._targets.shape[1]
        encoder, decoder = (_part(tensors, names, prefix) for prefix in names[:2])
        self._transformer = nn.Transformer(
            dim,
            arguments.nhead,
            custom_encoder=_encoder(encoder, dim, arguments),
            custom_decoder=_decoder(decoder, dim, arguments),
            batch_first=True,
        )
        self._transformer.encoder.load_state_dict(encoder)
        self._transformer.decoder.load_state_dict(decoder)
        self._output = tensors[names.output_weight or names.target_embedding].float()
        self._bias = None if names.output_bias is None else tensors[names.output_bias].float()
        self._scale = description.scale(dim)
        source, target = names.source_positions, names.target_positions
        self._source_positions = _positions(tensors, source or target, description, dim)
        self._target_positions = _positions(tensors, target or source, description, dim)
        self.eval()

    def encode(self, sources: Tensor, is_padding: Tensor) -> Tensor:
        """See `model.Modules`."""
        rows = self._sources[sources] * self._scale + self._source_positions[: sources.shape[1]]
        memory: Tensor = self._transformer.encoder(rows, src_key_padding_mask=is_padding)
        return memory

    def next_logits(self, memory: Tensor, is_padding: Tensor, targets: Tensor) -> Tensor:
        """See `model.Modules`."""
        length = targets.shape[1]
        rows = self._targets[targets] * self._scale + self._target_positions[:length]
        ahead = torch.ones(length, length, dtype=torch.bool).triu(1)
        said: Tensor = self._transformer.decoder(
            rows, memory, tgt_mask=ahead, memory_key_padding_mask=is_padding
        )
        return nn.functional.linear(said[:, -1], self._output, self._bias)


def _part(tensors: Mapping[str, Tensor], names: Names, prefix: str) -> dict[str, Tensor]:
    """The state dict of the encoder or the decoder."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix) and name not in names[2:]
    }


def _encoder(state: Mapping[str, Tensor], dim: int, arguments: Arguments) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(
        dim, dim_feedforward=_width(state), dropout=0.0, batch_first=True, **arguments._asdict()
    )
    norm = _final_norm(state, dim, arguments)
    return nn.TransformerEncoder(layer, _layers(state), norm, enable_nested_tensor=False)


def _decoder(state: Mapping[str, Tensor], dim: int, arguments: Arguments) -> nn.TransformerDecoder:
    layer = nn.TransformerDecoderLayer(
        dim, dim_feedforward=_width(state), dropout=0.0, batch_first=True, **arguments._asdict()
    )
    return nn.TransformerDecoder(layer, _layers(state), _final_norm(state, dim, arguments))


def _final_norm(state: Mapping[str, Tensor], dim: int, arguments: Arguments) -> nn.LayerNorm | None:
    if "norm.weight" not in state:
        return None
    return nn.LayerNorm(dim, arguments.layer_norm_eps, bias=arguments.bias)


def _width(state: Mapping[str, Tensor]) -> int:
    return len(state["layers.0.linear1.weight"])


def _layers(state: Mapping[str, Tensor]) -> int:
    return len({name.split(".")[1] for name in state if name.startswith("layers.")})


def _positions(
    tensors: Mapping[str, Tensor], name: str | None, description: Description, dim: int
) -> Tensor:
    """What is added at each place, (positions, dim): learned, or as PyTorch's tutorial has it."""
    stored = None if name is None else tensors[name].float().reshape(-1, dim)
    if description.positions == STORED and stored is not None:
        return stored
    rows = DEFAULT_POSITIONS if stored is None else len(stored)
    places = torch.arange(description.max_positions or rows)[:, None]
    angles = places * torch.exp(torch.arange(0, dim, 2) * (-math.log(10000.0) / dim))
    sines, cosines = angles.sin(), angles.cos()[:, : dim // 2]
    if description.positions == "halves":
        return torch.cat([sines, cosines], dim=1)
    table = torch.empty(len(places), dim)
    table[:, 0::2], table[:, 1::2] = sines, cosines
    return table
