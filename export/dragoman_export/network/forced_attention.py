"""Who attends to whom in one sentence and its translation: all weights, with the target given.

The layers are those of `transformer.Encoder` and `transformer.DecoderStep`; attention is written
out, as its weights are what is wanted, and all tokens of the target go through at once. Knows the
mathematics. Does not know which weights anybody asks for, nor what they are good for.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from dragoman_export.network import operators
from dragoman_export.network.layers import DecoderLayer, EncoderLayer
from dragoman_export.network.transformer import TORCH_TYPES, Transformer


class AttentionWeights(NamedTuple):
    """Of each layer; rows are the tokens that attend and sum up to one."""

    encoder: list[Tensor]
    """(heads, source, source) each."""

    decoder: list[Tensor]
    """(heads, target, target) each, nothing above the diagonal; none where it is recurrent."""

    cross: list[Tensor]
    """(heads, target, source) each."""


class ForcedAttention(nn.Module):
    """Source and target tokens -> the weights of every head of every layer."""

    def __init__(self, transformer: Transformer) -> None:
        """Shares all that `transformer` has."""
        super().__init__()
        self.config = transformer.config
        self.encoder = transformer.encoder
        self.decoder = transformer.decoder

    def forward(
        self,
        source_ids: Tensor,  # (source,) int64
        target_ids: Tensor,  # (target,) int64, the start token first
    ) -> AttentionWeights:
        """As AttentionWeights says."""
        memory, encoder = self._encode(source_ids)
        decoder, cross = self._decode(target_ids, memory)
        return AttentionWeights(encoder, decoder, cross)

    def _encode(self, token_ids: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Keys and values of all decoder layers, (2 * layers, heads, source, head_dim), weights."""
        config, encoder = self.config, self.encoder
        x = encoder.embedding_norm(encoder.embedding(token_ids, torch.arange(token_ids.shape[0])))
        x = x.to(TORCH_TYPES[config.element_type])
        bias = None
        if encoder.relative_positions is not None:
            bias = operators.prompt_bias(encoder.relative_positions.weight, token_ids[None])[0]
        all_weights: list[Tensor] = []
        for layer in encoder.layers:
            assert isinstance(layer, EncoderLayer)
            packed = layer.attention_in(layer.attention_norm.before(x))
            query, key, value = _heads(packed, 3, layer.heads)
            attended, weights = _attend(query, key, value, bias)
            all_weights.append(weights)
            x = layer.attention_norm.after(x, layer.attention_out(attended))
            x = layer.feed_forward_norm.after(
                x, layer.feed_forward(layer.feed_forward_norm.before(x))
            )
        memory = encoder.cross_key_value(encoder.final_norm(x))
        return self._kept(_heads(memory, 2 * config.decoder_layers, config.decoder_heads)), (
            all_weights
        )

    def _decode(self, token_ids: Tensor, memory: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Weights of self-attention and of cross-attention."""
        config, decoder = self.config, self.decoder
        places = torch.arange(token_ids.shape[0])
        x = decoder.embedding_norm(decoder.embedding(token_ids, places))
        x = x.to(TORCH_TYPES[config.element_type])
        bias = self._look_back_bias(places)
        own: list[Tensor] = []
        cross: list[Tensor] = []
        for number, layer in enumerate(decoder.layers):
            assert isinstance(layer, DecoderLayer)
            said = layer.self_in(layer.self_norm.before(x))
            if config.recurrent:
                looked_back = operators.recur_all(said)
            else:
                query, key, value = _heads(said, 3, layer.heads)
                looked_back, weights = _attend(query, self._kept(key), self._kept(value), bias)
                own.append(weights)
            x = layer.self_norm.after(x, layer.self_out(looked_back))
            query = _heads(layer.cross_in(layer.cross_norm.before(x)), 1, layer.heads)[0]
            attended, weights = _attend(query, memory[2 * number], memory[2 * number + 1])
            cross.append(weights)
            x = layer.cross_norm.after(x, layer.cross_out(attended))
            x = layer.feed_forward_norm.after(
                x, layer.feed_forward(layer.feed_forward_norm.before(x))
            )
        return own, cross

    def _look_back_bias(self, places: Tensor) -> Tensor:
        """(1 or heads, target, target): what comes later is hidden, and what distances add."""
        later = places[None, :] > places[:, None]
        bias = torch.where(later, -torch.inf, 0.0)[None]
        relative = self.decoder.relative_positions
        if relative is not None and not self.config.recurrent:
            cache = bias[:, :1, :, None]
            distances = operators.past_bias(relative.weight, places.int(), cache)
            bias = bias + distances.squeeze(2).transpose(0, 1)
        return bias

    def _kept(self, x: Tensor) -> Tensor:
        """Keys or values as caches have them."""
        return operators.to_steps(x).to(x.dtype) if self.config.cache_type == "int8" else x


def _heads(x: Tensor, parts: int, heads: int) -> Tensor:
    """(tokens, parts * heads * head_dim) -> (parts, heads, tokens, head_dim)."""
    return x.reshape(x.shape[0], parts, heads, -1).permute(1, 2, 0, 3)


def _attend(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """(heads, tokens, head_dim) each -> (tokens, dim), and the weights (heads, tokens, keys)."""
    scores = query @ key.transpose(1, 2)
    if bias is not None:
        scores = scores + bias
    weights = scores.softmax(dim=2)
    return (weights @ value).transpose(0, 1).flatten(1), weights
