"""The canonical Transformer: what every checkpoint family is mapped onto and what is traced.

It is the encoder-decoder of Vaswani et al. 2017, "Attention Is All You Need", post-norm, cut where
serving cuts it: `Encoder` reads packed sentences and ends in the cross-attention keys and values of
all decoder layers; `DecoderStep` advances every row by one token.

Knows the mathematics. Does not know checkpoints, ONNX or files; `dragoman_export.operators` hold
the attention and search kernels.

Conventions: 1/sqrt(head_dim) is part of the query weights; weights are (in, out); linear layers and
norms see tokens or rows in dimension 0 and nothing else, so no result depends on a neighbour.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dragoman_export import operators

Activation = Literal["relu", "silu", "gelu"]

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """Sizes and switches of a model."""

    encoder_layers: int
    decoder_layers: int

    model_dim: int
    """Width of the residual stream."""

    encoder_heads: int
    decoder_heads: int

    encoder_hidden_dim: int
    """Width of the feed-forward's hidden layer in the encoder."""

    decoder_hidden_dim: int
    """Likewise in the decoder."""

    vocabulary_size: int
    """Tokens of the vocabulary, before padding."""

    max_positions: int
    """Rows of the position table, in tokens."""

    activation: Activation
    """Of the feed-forward's hidden layer."""

    embedding_scale: float = 1.0
    """Token embeddings are multiplied by this; 1 leaves them."""

    norm_epsilon: float = 1e-5
    """Added to the variance in layer normalisation."""

    @property
    def decoder_head_dim(self) -> int:
        """Width of a decoder head."""
        return self.model_dim // self.decoder_heads

    @property
    def padded_vocabulary_size(self) -> int:
        """Rows of the embedding: whole groups of the top-k."""
        groups = math.ceil(self.vocabulary_size / operators.GROUP_SIZE)
        return groups * operators.GROUP_SIZE


class Linear(nn.Module):
    """x (rows, in) -> x @ weight (in, out) + bias (out,)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x, self.weight)


class TiedLinear(nn.Module):
    """x (rows, in) -> x @ embedding.T + bias (vocab,); the embedding (vocab, in) is stored once."""

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__()
        self.embedding = embedding
        self.bias = nn.Parameter(torch.empty(embedding.num_embeddings))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.embedding.weight, self.bias)


class TokenEmbedding(nn.Module):
    """Token ids and positions -> what the first layer reads, (rows, model_dim)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.scale = config.embedding_scale
        self.tokens = nn.Embedding(config.padded_vocabulary_size, config.model_dim)
        self.positions = nn.Embedding(config.max_positions, config.model_dim)

    def forward(self, token_ids: Tensor, positions: Tensor) -> Tensor:
        tokens = self.tokens(token_ids)
        if self.scale != 1.0:
            tokens = tokens * self.scale
        return tokens + self.positions(positions)


class FeedForward(nn.Module):
    """x (rows, model_dim) -> the same, through one hidden layer."""

    def __init__(self, model_dim: int, hidden_dim: int, activation: Activation) -> None:
        super().__init__()
        self.widen = Linear(model_dim, hidden_dim)
        self.activation = ACTIVATIONS[activation]()
        self.narrow = Linear(hidden_dim, model_dim)

    def forward(self, x: Tensor) -> Tensor:
        narrowed: Tensor = self.narrow(self.activation(self.widen(x)))
        return narrowed


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward over packed tokens (tokens, model_dim)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        dim, epsilon = config.model_dim, config.norm_epsilon
        self.heads = config.encoder_heads
        self.attention_in = Linear(dim, 3 * dim)
        self.attention_out = Linear(dim, dim)
        self.attention_norm = nn.LayerNorm(dim, eps=epsilon)
        self.feed_forward = FeedForward(dim, config.encoder_hidden_dim, config.activation)
        self.feed_forward_norm = nn.LayerNorm(dim, eps=epsilon)

    def forward(self, x: Tensor, padding: "Padding") -> Tensor:
        # (batch, source, 3 * dim)
        query_key_value = functional.embedding(padding.padded_index, self.attention_in(x))
        attended = operators.attend_prompt(
            query_key_value, padding.source_last, padding.source, self.heads
        )
        packed = functional.embedding(padding.packed_index, attended.flatten(0, 1))
        x = self.attention_norm(x + self.attention_out(packed))
        normed: Tensor = self.feed_forward_norm(x + self.feed_forward(x))
        return normed


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


class Encoder(nn.Module):
    """Packed source tokens -> cross-attention keys and values of every decoder layer."""

    def __init__(self, config: TransformerConfig, embedding: TokenEmbedding) -> None:
        super().__init__()
        self.config = config
        self.embedding = embedding
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))
        self.cross_key_value = Linear(
            config.model_dim, 2 * config.decoder_layers * config.model_dim
        )

    def forward(
        self,
        token_ids: Tensor,  # (tokens,) int64
        positions: Tensor,  # (tokens,) int64
        padded_index: Tensor,  # (batch, source) int64
        packed_index: Tensor,  # (tokens,) int64
        source_last: Tensor,  # (batch,) int32
    ) -> Tensor:
        """Keys of layer l at 2l, values at 2l + 1: (2 * decoder_layers, heads, tokens, head_dim)."""
        config = self.config
        source = operators.extent(padded_index, 1)
        padding = Padding(padded_index, packed_index, source_last, source)
        x = self.embedding(token_ids, positions)
        for layer in self.layers:
            x = layer(x, padding)
        key_value: Tensor = self.cross_key_value(x)
        shape = (-1, 2 * config.decoder_layers, config.decoder_heads, config.decoder_head_dim)
        return key_value.reshape(shape).permute(1, 2, 0, 3)


class LayerCache(NamedTuple):
    """Keys and values of one decoder layer, each (rows, heads, capacity, head_dim)."""

    self_key: Tensor
    self_value: Tensor
    cross_key: Tensor
    cross_value: Tensor


class Step(NamedTuple):
    """What every decoder layer of one step reads beside its input and its cache."""

    positions: Tensor
    """(rows,) int32: the position that this step writes."""

    source_last: Tensor
    """(rows,) int32: source length minus 1."""

    target_capacity: Tensor
    """(1,) int32: positions that a self-attention cache holds."""

    source_capacity: Tensor
    """(1,) int32: positions that a cross-attention cache holds."""


class DecoderLayer(nn.Module):
    """One token a row through self-attention, cross-attention and feed-forward."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        dim, epsilon = config.model_dim, config.norm_epsilon
        self.heads = config.decoder_heads
        self.self_in = Linear(dim, 3 * dim)
        self.self_out = Linear(dim, dim)
        self.self_norm = nn.LayerNorm(dim, eps=epsilon)
        self.cross_in = Linear(dim, dim)
        self.cross_out = Linear(dim, dim)
        self.cross_norm = nn.LayerNorm(dim, eps=epsilon)
        self.feed_forward = FeedForward(dim, config.decoder_hidden_dim, config.activation)
        self.feed_forward_norm = nn.LayerNorm(dim, eps=epsilon)

    def forward(self, x: Tensor, cache: LayerCache, step: Step) -> tuple[Tensor, LayerCache]:
        attended, self_key, self_value = operators.attend_past(
            self.self_in(x), cache.self_key, cache.self_value,
            step.positions, step.target_capacity, self.heads,
        )  # fmt: skip
        x = self.self_norm(x + self.self_out(attended))
        attended, cross_key, cross_value = operators.attend_source(
            self.cross_in(x), cache.cross_key, cache.cross_value,
            step.source_last, step.source_capacity, self.heads,
        )  # fmt: skip
        x = self.cross_norm(x + self.cross_out(attended))
        x = self.feed_forward_norm(x + self.feed_forward(x))
        return x, LayerCache(self_key, self_value, cross_key, cross_value)


class DecoderStep(nn.Module):
    """One decoding step: the last token of every row -> candidates for the next."""

    def __init__(self, config: TransformerConfig, embedding: TokenEmbedding) -> None:
        super().__init__()
        self.embedding = embedding
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.head: nn.Module = TiedLinear(embedding.tokens)

    def forward(
        self,
        token_ids: Tensor,  # (rows,) int64
        positions: Tensor,  # (rows,) int32
        source_last: Tensor,  # (rows,) int32
        candidate_count: Tensor,  # (1,) int64
        with_normalizers: Tensor,  # () bool
        caches: list[LayerCache],
    ) -> tuple[Tensor, Tensor, Tensor, list[LayerCache]]:
        """Candidate ids and logits (rows, candidates), log-normalizers (rows,), caches."""
        target_capacity = operators.extent(caches[0].self_key, 2)
        source_capacity = operators.extent(caches[0].cross_key, 2)
        step = Step(positions, source_last, target_capacity, source_capacity)
        x = self.embedding(token_ids, positions)
        new_caches = []
        for layer, cache in zip(self.layers, caches, strict=True):
            x, new_cache = layer(x, cache, step)
            new_caches.append(new_cache)
        logits = self.head(x)  # (rows, padded vocab)
        candidate_logits, candidate_ids = operators.best_candidates(logits, candidate_count)
        normalizers = operators.log_normalizers(logits, candidate_logits, with_normalizers)
        return candidate_ids, candidate_logits, normalizers, new_caches


class Transformer(NamedTuple):
    """Encoder and decoder of one model; they share their embedding."""

    config: TransformerConfig
    encoder: Encoder
    decoder: DecoderStep

    @classmethod
    def empty(cls, config: TransformerConfig) -> "Transformer":
        """A model whose weights are still to be filled in."""
        embedding = TokenEmbedding(config)
        return cls(config, Encoder(config, embedding), DecoderStep(config, embedding))
