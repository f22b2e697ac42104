"""Who attends to whom in sentences and their translations: all weights, with the targets given.

The layers are those of `transformer.Encoder` and `transformer.DecoderStep`; attention is written
out, as its weights are what is wanted, and all tokens of a target go through at once. Sentences and
targets are packed: only attention sees padding. Weights are float32 whatever the layers are of, as
in the kernels of decoding. Knows the mathematics. Does not know which weights anybody asks for, nor
what they are good for.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dragoman_export.network import operators
from dragoman_export.network.layers import DecoderLayer, EncoderLayer
from dragoman_export.network.transformer import TORCH_TYPES, Transformer


class Packed(NamedTuple):
    """Sequences one after the other, and how they lie in a padded batch."""

    token_ids: Tensor
    """(tokens,) int64."""

    positions: Tensor
    """(tokens,) int64."""

    padded_index: Tensor
    """(batch, longest) int64: the token at each place; any valid index past an end."""

    packed_index: Tensor
    """(tokens,) int64: the place of each token in the flattened batch."""

    last: Tensor
    """(batch,) int32: length of each minus 1."""

    def padded(self, x: Tensor, parts: int, heads: int) -> Tensor:
        """(tokens, parts * heads * head_dim) -> (parts, batch, heads, longest, head_dim)."""
        batch = functional.embedding(self.padded_index, x)
        shape = (batch.shape[0], batch.shape[1], parts, heads, -1)
        return batch.reshape(shape).permute(2, 0, 3, 1, 4)

    def packed(self, x: Tensor) -> Tensor:
        """(batch, heads, longest, head_dim) -> (tokens, heads * head_dim)."""
        return functional.embedding(self.packed_index, x.transpose(1, 2).flatten(2).flatten(0, 1))

    def hidden(self, places: Tensor) -> Tensor:
        """What is past an end, (batch, 1, 1, longest): minus infinity there, else 0.

        `places` are 0, 1, 2, ..., (longest,).
        """
        past = places[None, :] > self.last[:, None]
        return torch.where(past, -torch.inf, 0.0)[:, None, None, :]


class AttentionWeights(NamedTuple):
    """Of each layer; rows are the tokens that attend and sum up to one.

    Past the end of a sequence they mean nothing as rows, and are 0 as columns.
    """

    encoder: list[Tensor]
    """(batch, heads, source, source) each."""

    decoder: list[Tensor]
    """(batch, heads, target, target) each, nothing above the diagonal; none where it is
    recurrent."""

    cross: list[Tensor]
    """(batch, heads, target, source) each."""


class ForcedAttention(nn.Module):
    """Source and target tokens -> the weights of every head of every layer."""

    def __init__(self, transformer: Transformer) -> None:
        """Shares all that `transformer` has."""
        super().__init__()
        self.config = transformer.config
        self.encoder = transformer.encoder
        self.decoder = transformer.decoder

    def forward(  # noqa: PLR0917 - a graph takes its tensors by position
        self,
        source_ids: Tensor,
        source_positions: Tensor,
        source_padded: Tensor,
        source_packed: Tensor,
        source_last: Tensor,
        target_ids: Tensor,
        target_positions: Tensor,
        target_padded: Tensor,
        target_packed: Tensor,
        target_last: Tensor,
    ) -> AttentionWeights:
        """As AttentionWeights says, of what two Packed have; targets have the start token first."""
        sources = Packed(source_ids, source_positions, source_padded, source_packed, source_last)
        targets = Packed(target_ids, target_positions, target_padded, target_packed, target_last)
        memory, encoder = self._encode(sources)
        hidden = sources.hidden(self._places(source_padded))
        decoder, cross = self._decode(targets, memory, hidden)
        return AttentionWeights(encoder, decoder, cross)

    def _encode(self, sources: Packed) -> tuple[Tensor, list[Tensor]]:
        """Keys and values of all decoder layers, and weights.

        The former are (2 * layers, batch, heads, source, head_dim).
        """
        config, encoder = self.config, self.encoder
        x = encoder.embedding_norm(encoder.embedding(sources.token_ids, sources.positions))
        x = x.to(TORCH_TYPES[config.element_type])
        bias = sources.hidden(self._places(sources.padded_index))
        if encoder.relative_positions is not None:
            table = encoder.relative_positions.weight
            bias = bias + operators.prompt_bias(table, sources.padded_index).float()
        all_weights: list[Tensor] = []
        for layer in encoder.layers:
            assert isinstance(layer, EncoderLayer)
            asked = layer.attention_in(layer.attention_norm.before(x))
            query, key, value = sources.padded(asked, 3, layer.heads).unbind(0)
            attended, weights = _attend(query, key, value, bias)
            all_weights.append(weights)
            x = layer.attention_norm.after(x, layer.attention_out(sources.packed(attended)))
            x = layer.feed_forward_norm.after(
                x, layer.feed_forward(layer.feed_forward_norm.before(x))
            )
        memory = encoder.cross_key_value(encoder.final_norm(x))
        heads = sources.padded(memory, 2 * config.decoder_layers, config.decoder_heads)
        return self._kept(heads), all_weights

    def _decode(
        self, targets: Packed, memory: Tensor, hidden: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Weights of self-attention and of cross-attention."""
        config, decoder = self.config, self.decoder
        x = decoder.embedding_norm(decoder.embedding(targets.token_ids, targets.positions))
        x = x.to(TORCH_TYPES[config.element_type])
        bias = self._look_back_bias(targets)
        own: list[Tensor] = []
        cross: list[Tensor] = []
        for number, layer in enumerate(decoder.layers):
            assert isinstance(layer, DecoderLayer)
            asked = layer.self_in(layer.self_norm.before(x))
            if config.recurrent:
                looked_back = self._recur(asked.float(), targets.positions).to(asked.dtype)
            else:
                query, key, value = targets.padded(asked, 3, layer.heads).unbind(0)
                attended, weights = _attend(query, self._kept(key), self._kept(value), bias)
                own.append(weights)
                looked_back = targets.packed(attended)
            x = layer.self_norm.after(x, layer.self_out(looked_back))
            asked = layer.cross_in(layer.cross_norm.before(x))
            (query,) = targets.padded(asked, 1, layer.heads).unbind(0)
            attended, weights = _attend(query, memory[2 * number], memory[2 * number + 1], hidden)
            cross.append(weights)
            x = layer.cross_norm.after(x, layer.cross_out(targets.packed(attended)))
            x = layer.feed_forward_norm.after(
                x, layer.feed_forward(layer.feed_forward_norm.before(x))
            )
        return own, cross

    def _look_back_bias(self, targets: Packed) -> Tensor:
        """(1, 1 or heads, target, target): what comes later is hidden, and what distances add."""
        places = self._places(targets.padded_index)
        later = places[None, :] > places[:, None]
        bias = torch.where(later, -torch.inf, 0.0)[None, None]
        relative = self.decoder.relative_positions
        if relative is not None and not self.config.recurrent:
            distances = operators.past_bias(relative.weight, places.int(), bias[:, :, :, :1])
            bias = bias + distances.float().permute(2, 1, 0, 3)
        return bias

    def _places(self, padded_index: Tensor) -> Tensor:
        """0, 1, 2, ... of the longest of a padded batch, (longest,)."""
        return torch.arange(padded_index.shape[1])

    def _recur(self, x: Tensor, positions: Tensor) -> Tensor:
        """See operators.recur_all."""
        said: Tensor = operators.recur_all(x, positions)
        return said

    def _kept(self, x: Tensor) -> Tensor:
        """Keys or values as caches have them."""
        return operators.to_steps(x).to(x.dtype) if self.config.cache_type == "int8" else x


def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """(batch, heads, length, head_dim) each -> the same, and weights (batch, heads, length, keys).

    `bias` is added before the softmax. The weights are float32.
    """
    weights = (query.float() @ key.float().transpose(2, 3) + bias).softmax(dim=3)
    return weights.to(value.dtype) @ value, weights
