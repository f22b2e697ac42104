"""Layers of the canonical Transformer; `dragoman_export.network.transformer` puts them together.

Weights are (in, out). Linear layers and norms see tokens or rows in dimension 0 and nothing else,
so no result depends on a neighbour. 1/sqrt(head_dim) is part of the query weights; the zeros that
heads are filled up with do not count in it.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dragoman_export.network import operators
from dragoman_export.network.config import Activation, TransformerConfig
from dragoman_export.network.recurrence import recur

ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "gelu_tanh": functools.partial(nn.GELU, approximate="tanh"),
}


class Linear(nn.Module):
    """x (rows, in) -> x @ weight (in, out) + bias (out,)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        return torch.addmm(self.bias, x, self.weight)


class TiedLinear(nn.Module):
    """x (rows, in) -> x @ embedding.T + bias (vocab,); the embedding (vocab, in) is stored once."""

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__()
        self.embedding = embedding
        self.bias = nn.Parameter(torch.empty(embedding.num_embeddings))

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (rows, vocab)."""
        logits: Tensor = functional.linear(x, self.embedding.weight, self.bias)
        return logits


class RowScaledLinear(nn.Module):
    """A linear layer whose rows are multiplied, each by a positive number, after all else.

    So what is largest of a row may be looked for before that.
    """

    def unscaled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What of x (rows, in) is to be multiplied, (rows, out), and the numbers, (rows, 1)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        product, scale = self.unscaled(x)
        return product * scale


class TokenEmbedding(nn.Module):
    """Token ids and positions -> what the first layer reads, (rows, model_dim)."""

    def __init__(self, scale: float, tokens: nn.Embedding, positions: nn.Embedding | None) -> None:
        super().__init__()
        self.scale = scale
        self.tokens = tokens
        self.positions = positions

    def forward(self, token_ids: Tensor, positions: Tensor) -> Tensor:
        """Both (rows,) integers."""
        tokens: Tensor = self.tokens(token_ids)
        if self.scale != 1.0:
            tokens = tokens * self.scale
        return tokens if self.positions is None else tokens + self.positions(positions)


class RelativePositions(nn.Module):
    """A table of what attention adds for the distance of two tokens, (distances, heads)."""

    def __init__(self, distances: int, heads: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(distances, heads))


class Norm(nn.Module):
    """x (rows, model_dim) -> its layer or root mean square normalisation."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.model_dim))
        self.bias = None if config.rms_norm else nn.Parameter(torch.empty(config.model_dim))
        self.epsilon = config.norm_epsilon

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        normed: Tensor = (
            operators.rms_norm(x, self.weight, self.epsilon)
            if self.bias is None
            else operators.norm(x, self.weight, self.bias, self.epsilon)
        )
        return normed


class ResidualNorm(Norm):
    """What is around a sublayer: the residual, and a norm before the sublayer or after the sum.

    x = norm.after(x, sublayer(norm.before(x))), all (rows, model_dim). Where there are both, the
    second is that of the sum.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.is_first = config.norm_first
        self.second = Norm(config) if config.norm_both else nn.Identity()

    def before(self, x: Tensor) -> Tensor:
        """What the sublayer reads."""
        normed: Tensor = self(x) if self.is_first else x
        return normed

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        """What the next one gets of x and of the sublayer's y."""
        if self.is_first:
            added: Tensor = self.second(x + y)
            return added
        normed: Tensor = (
            self(x + y)
            if self.bias is None
            else operators.add_and_norm(x, y, self.weight, self.bias, self.epsilon)
        )
        return normed


class FeedForward(nn.Module):
    """x (rows, model_dim) -> the same, through one hidden layer.

    Where it is gated, `widen` makes what is activated and then what that is multiplied by.
    """

    def __init__(self, config: TransformerConfig, hidden_dim: int) -> None:
        super().__init__()
        self.is_gated = config.gated
        self.widen = Linear(config.model_dim, 2 * hidden_dim if config.gated else hidden_dim)
        self.activation = ACTIVATIONS[config.activation]()
        self.narrow = Linear(hidden_dim, config.model_dim)

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        if self.is_gated:
            gate, hidden = self.widen(x).chunk(2, dim=1)
            hidden = self.activation(gate) * hidden
        else:
            hidden = self.activation(self.widen(x))
        narrowed: Tensor = self.narrow(hidden)
        return narrowed


class Padding(NamedTuple):
    """How packed tokens lie in the padded batch, which only attention sees."""

    padded_index: Tensor
    """(batch, source): the packed token at each place; any valid index past a sentence's end."""

    packed_index: Tensor
    """(tokens,): the place of each packed token in the flattened batch."""

    source_last: Tensor
    """(batch,) int32: length of each sentence minus 1."""

    source: Tensor
    """(1,) int32: tokens of the longest sentence."""

    bias: Tensor | None = None
    """(1, heads, source, source): what attention adds for the distance of two tokens."""


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward over packed tokens (tokens, model_dim)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        dim = config.model_dim
        self.heads = config.encoder_heads
        width = self.heads * config.encoder_head_dim
        self.attention_in = Linear(dim, 3 * width)
        self.attention_out = Linear(width, dim)
        self.attention_norm = ResidualNorm(config)
        self.feed_forward = FeedForward(config, config.encoder_hidden_dim)
        self.feed_forward_norm = ResidualNorm(config)

    def forward(self, x: Tensor, padding: Padding) -> Tensor:
        """One layer further."""
        packed = self.attention_in(self.attention_norm.before(x))
        query_key_value = functional.embedding(padding.padded_index, packed)
        # (batch, source, width)
        attended = operators.attend_prompt(
            query_key_value, padding.source_last, padding.source, self.heads, padding.bias
        )
        packed = functional.embedding(padding.packed_index, attended.flatten(0, 1))
        x = self.attention_norm.after(x, self.attention_out(packed))
        return self.feed_forward_norm.after(x, self.feed_forward(self.feed_forward_norm.before(x)))


class LayerCache(NamedTuple):
    """Keys and values of one decoder layer, each (rows or sources, heads, capacity, head_dim).

    Elements are of the type `TransformerConfig.cache_type`.
    """

    self_key: Tensor
    self_value: Tensor
    cross_key: Tensor
    cross_value: Tensor

    def capacities(self) -> tuple[Tensor, Tensor]:
        """Positions that it holds of targets and of sources, (1,) int32 each."""
        return operators.extent(self.self_key, 2), operators.extent(self.cross_key, 2)


class RecurrentCache(NamedTuple):
    """Likewise of a layer that is recurrent: of its target it keeps one vector."""

    self_state: Tensor
    """(rows, model_dim) float32, whatever the elements are of: it sums up all that was said."""

    cross_key: Tensor
    cross_value: Tensor

    def capacities(self) -> tuple[None, Tensor]:
        """Positions that it holds of sources, (1,) int32; of targets any number."""
        return None, operators.extent(self.cross_key, 2)


Cache = LayerCache | RecurrentCache
"""What a decoder layer keeps from one step to the next."""


def cache_kind(config: TransformerConfig) -> type[LayerCache] | type[RecurrentCache]:
    """Which of them the layers have."""
    return RecurrentCache if config.recurrent else LayerCache


class SharedSources(NamedTuple):
    """Which rows read the keys and values of one source; see operators.attend_shared_source."""

    is_shared: Tensor
    """() bool: whether any two do."""

    query_index: Tensor
    """(sources, heads * SHARED_ROWS) int64."""

    attended_index: Tensor
    """(rows, heads) int64."""


class Step(NamedTuple):
    """What every decoder layer of one step reads beside its input and its cache."""

    positions: Tensor
    """(rows,) int32: the position that this step writes."""

    source_last: Tensor
    """(sources,) int32: length of each source minus 1."""

    target_capacity: Tensor | None
    """(1,) int32: positions that a self-attention cache holds; None where there is none."""

    source_capacity: Tensor
    """(1,) int32: positions that a cross-attention cache holds."""

    sharing: SharedSources | None = None
    """None: each row has a source of its own, the one of its number."""

    target_bias: Tensor | None = None
    """(rows, heads, 1, target capacity): what self-attention adds for their distances."""


class DecoderLayer(nn.Module):
    """One token a row through self-attention, cross-attention and feed-forward."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        dim = config.model_dim
        self.heads = config.decoder_heads
        width = self.heads * config.decoder_head_dim
        self.self_in = Linear(dim, 2 * dim if config.recurrent else 3 * width)
        self.self_out: nn.Module = (
            nn.Identity()
            if config.recurrent and not config.recurrent_output
            else Linear(dim if config.recurrent else width, dim)
        )
        self.self_norm = ResidualNorm(config)
        self.cross_in = Linear(dim, width)
        self.cross_out = Linear(width, dim)
        self.cross_norm = ResidualNorm(config)
        self.feed_forward = FeedForward(config, config.decoder_hidden_dim)
        self.feed_forward_norm = ResidualNorm(config)

    def forward(self, x: Tensor, cache: Cache, step: Step) -> tuple[Tensor, Cache]:
        """One layer further, (rows, model_dim), and the cache with this token in it."""
        looked_back, own = self._look_back(self.self_in(self.self_norm.before(x)), cache, step)
        x = self.self_norm.after(x, self.self_out(looked_back))
        query = self.cross_in(self.cross_norm.before(x))
        source = (cache.cross_key, cache.cross_value, step.source_last, step.source_capacity)
        attended, cross_key, cross_value = (
            operators.attend_source(query, *source, self.heads)
            if step.sharing is None
            else operators.attend_shared_source(query, *source, *step.sharing, self.heads)
        )
        x = self.cross_norm.after(x, self.cross_out(attended))
        x = self.feed_forward_norm.after(x, self.feed_forward(self.feed_forward_norm.before(x)))
        return x, own._replace(cross_key=cross_key, cross_value=cross_value)

    def _look_back(self, x: Tensor, cache: Cache, step: Step) -> tuple[Tensor, Cache]:
        """What the tokens so far say to this one, and the cache with this one among them."""
        if isinstance(cache, RecurrentCache):
            said, state = recur(x, cache.self_state, step.positions)
            return said, cache._replace(self_state=state)
        assert step.target_capacity is not None
        attended, key, value = operators.attend_past(
            x, cache.self_key, cache.self_value,
            step.positions, step.target_capacity, self.heads, step.target_bias,
        )  # fmt: skip
        return attended, cache._replace(self_key=key, self_value=value)
