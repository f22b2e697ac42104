"""The canonical Transformer as PyTorch alone runs it: the modules of TorchScript and `.pt2`.

Tensors are flat, masks explicit and caches updated in place. All that is made here is made from
the inputs, so that a graph runs on any device. The layers are those of `transformer.Encoder` and
`transformer.DecoderStep`; to be run and traced under `plain_operators.PlainOperators`. Knows the
mathematics. Does not know files, nor who keeps the caches.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from dragoman_export.network import operators
from dragoman_export.network.forced_attention import ForcedAttention
from dragoman_export.network.kernels import places
from dragoman_export.network.layers import DecoderLayer, EncoderLayer
from dragoman_export.network.recurrence import recur, recur_all
from dragoman_export.network.transformer import TORCH_TYPES, DecoderStep, Encoder, Transformer


class PlainEncoder(nn.Module):
    """Padded source tokens -> cross-attention keys and values of every decoder layer.

    Only attention sees padding: all else is computed of the tokens that there are.
    """

    def __init__(self, encoder: Encoder) -> None:
        """Shares all that `encoder` has."""
        super().__init__()
        self.config = encoder.config
        self.encoder = encoder

    def forward(self, token_ids: Tensor, source_mask: Tensor) -> Tensor:
        """Keys of layer l at 2l, values at 2l + 1.

        Args:
            token_ids: (batch, source) int64; of any value where there is no token.
            source_mask: (batch, source) bool: where there is a token. Each sentence begins at 0.

        Returns:
            (2 * layers, batch, heads, source, head_dim); finite where there is no token.
        """
        config, encoder = self.config, self.encoder
        flat = source_mask.flatten()
        packed = flat.nonzero().squeeze(1)  # (tokens,), the place of each token
        padded = (flat.cumsum(0) - 1).clamp_min(0)  # (batch * source,), the token of each place
        positions = places(source_mask, 1)
        x = encoder.embedding(token_ids.flatten()[packed], positions.flatten()[packed])
        x = encoder.embedding_norm(x).to(TORCH_TYPES[config.element_type])
        bias = additive(source_mask, x)[:, None, None]
        if encoder.relative_positions is not None:
            bias = bias + operators.prompt_bias(encoder.relative_positions.weight, source_mask)
        for layer in encoder.layers:
            assert isinstance(layer, EncoderLayer)
            asked = layer.attention_in(layer.attention_norm.before(x))[padded]
            shape = (*source_mask.shape, 3, layer.heads, config.encoder_head_dim)
            query, key, value = asked.reshape(shape).permute(2, 0, 3, 1, 4).unbind(0)
            attended = _attend(query, key, value, bias).transpose(1, 2).flatten(2)
            x = layer.attention_norm.after(x, layer.attention_out(attended.flatten(0, 1)[packed]))
            x = layer.feed_forward_norm.after(
                x, layer.feed_forward(layer.feed_forward_norm.before(x))
            )
        key_value = encoder.cross_key_value(encoder.final_norm(x))[padded]
        kinds, heads = 2 * config.decoder_layers, config.decoder_heads
        shape = (*source_mask.shape, kinds, heads, config.decoder_head_dim)
        laid_out: Tensor = key_value.reshape(shape).permute(2, 0, 3, 1, 4)
        return laid_out.contiguous()


class PlainStep(nn.Module):
    """One decoding step: the last token of every row -> logits of the next."""

    def __init__(self, decoder: DecoderStep) -> None:
        """Shares all that `decoder` has."""
        super().__init__()
        self.config = decoder.config
        self.decoder = decoder

    def forward(
        self,
        token_ids: Tensor,
        positions: Tensor,
        target_mask: Tensor,
        source_mask: Tensor,
        *caches: Tensor,
    ) -> Tensor:
        """Adds every row's token to its caches, in place, and looks at all that the masks show.

        Args:
            token_ids: (rows,) int64, that each row is fed.
            positions: (rows,) int64, its place in the target.
            target_mask: (rows, target) bool: what self-attention looks at, the new place included.
            source_mask: (rows, source) bool: likewise cross-attention.
            caches: Of each layer keys and values of the target, (rows, heads, target, head_dim),
                then those of the source, (rows, heads, source, head_dim), as the encoder has them;
                of a recurrent layer the state (rows, model_dim) float32 in place of the former.

        Returns:
            Logits, (rows, padded vocabulary) float32.
        """
        config, decoder = self.config, self.decoder
        x = decoder.embedding_norm(decoder.embedding(token_ids, positions))
        x = x.to(TORCH_TYPES[config.element_type])
        own = additive(target_mask, x)[:, None, None]
        cross = additive(source_mask, x)[:, None, None]
        if decoder.relative_positions is not None and not config.recurrent:
            table = decoder.relative_positions.weight
            own = own + operators.past_bias(table, positions, caches[0])
        each = len(caches) // config.decoder_layers
        for number, layer in enumerate(decoder.layers):
            assert isinstance(layer, DecoderLayer)
            *kept, key, value = caches[each * number : each * (number + 1)]
            asked = layer.self_in(layer.self_norm.before(x))
            looked_back = (
                _recur(asked, kept[0], positions)
                if config.recurrent
                else _look_back(asked, kept[0], kept[1], positions, own)
            )
            x = layer.self_norm.after(x, layer.self_out(looked_back))
            query = layer.cross_in(layer.cross_norm.before(x))
            query = query.reshape(-1, layer.heads, 1, config.decoder_head_dim)
            attended = _attend(query, key, value, cross).flatten(1)
            x = layer.cross_norm.after(x, layer.cross_out(attended))
            x = layer.feed_forward_norm.after(
                x, layer.feed_forward(layer.feed_forward_norm.before(x))
            )
        logits: Tensor = decoder.head(decoder.final_norm(x).float())
        return logits


class PlainAttention(ForcedAttention):
    """The weights of every head of every layer, in the order of AttentionWeights' fields."""

    def __init__(self, transformer: Transformer) -> None:
        """Shares all that `transformer` has, but for the output projection, which it lacks."""
        super().__init__(transformer)
        own = {id(each): each for each in transformer.decoder.parameters()}
        self.decoder = copy.deepcopy(transformer.decoder, own)
        self.decoder.head = nn.Identity()

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        """Takes what ForcedAttention takes; returns the tensors of AttentionWeights, flat."""
        encoder, decoder, cross = super().forward(*tensors)
        return *encoder, *decoder, *cross

    def _places(self, padded_index: Tensor) -> Tensor:
        return places(padded_index[0], 0)

    def _recur(self, x: Tensor, positions: Tensor) -> Tensor:
        return recur_all(x, positions, self.config.max_positions)


def additive(mask: Tensor, like: Tensor) -> Tensor:
    """What is added to scores, of like's type: 0 where the mask is true, else minus infinity."""
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill(~mask, -torch.inf)


def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """(batch, heads, length, head_dim) each; queries have their scale already."""
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=1.0)


def _look_back(
    query_key_value: Tensor, key: Tensor, value: Tensor, positions: Tensor, bias: Tensor
) -> Tensor:
    """One token a row is added to its caches and attends to all that `bias` shows."""
    rows = places(positions, 0)
    query, new_key, new_value = query_key_value.reshape(-1, 3, key.shape[1], key.shape[3]).unbind(1)
    key[rows, :, positions] = new_key
    value[rows, :, positions] = new_value
    return _attend(query[:, :, None], key, value, bias).flatten(1)


def _recur(x: Tensor, state: Tensor, positions: Tensor) -> Tensor:
    """One token of every row through a recurrent unit, the state updated in place."""
    said, new = recur(x, state, positions)
    state.copy_(new)
    return said
