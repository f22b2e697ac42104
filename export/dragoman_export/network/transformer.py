"""The canonical Transformer: what every checkpoint family is mapped onto and what is traced.

It is the encoder-decoder of Vaswani et al. 2017, "Attention Is All You Need", post-norm, cut where
serving cuts it: `Encoder` reads packed sentences and ends in the cross-attention keys and values of
all decoder layers; `DecoderStep` advances every row by one token.

Knows the mathematics. Does not know checkpoints, ONNX or files; the kernels of
attention and search are in `operators`.
"""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dragoman_export.network import operators
from dragoman_export.network.config import TransformerConfig
from dragoman_export.network.layers import (
    Cache,
    DecoderLayer,
    EncoderLayer,
    LayerCache,
    Linear,
    Norm,
    Padding,
    RelativePositions,
    RowScaledLinear,
    SharedSources,
    Step,
    TiedLinear,
    TokenEmbedding,
)
from dragoman_export.network.screened import ScreenedLinear

TORCH_TYPES: dict[str, torch.dtype] = {
    "float": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "int8": torch.int8,
}
"""Element types of layers and caches, by their ONNX names."""


class Encoder(nn.Module):
    """Packed source tokens -> cross-attention keys and values of every decoder layer."""

    def __init__(self, config: TransformerConfig, embedding: TokenEmbedding) -> None:
        super().__init__()
        self.config = config
        self.embedding = embedding
        self.embedding_norm = Norm(config) if config.embedding_norm else nn.Identity()
        self.relative_positions = (
            RelativePositions(2 * config.max_positions - 1, config.encoder_heads)
            if config.relative_positions
            else None
        )
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))
        self.final_norm = Norm(config) if config.final_norm else nn.Identity()
        width = config.decoder_heads * config.decoder_head_dim
        self.cross_key_value = Linear(config.model_dim, 2 * config.decoder_layers * width)

    def forward(
        self,
        token_ids: Tensor,  # (tokens,) int64
        positions: Tensor,  # (tokens,) int64
        padded_index: Tensor,  # (batch, source) int64
        packed_index: Tensor,  # (tokens,) int64
        source_last: Tensor,  # (batch,) int32
    ) -> Tensor:
        """Keys of layer l at 2l, values at 2l + 1, (2 * layers, heads, tokens, head_dim)."""
        config = self.config
        source = operators.extent(padded_index, 1)
        padding = Padding(padded_index, packed_index, source_last, source)
        if self.relative_positions is not None:
            bias = operators.prompt_bias(self.relative_positions.weight, padded_index)
            padding = padding._replace(bias=bias)
        x = self.embedding_norm(self.embedding(token_ids, positions))
        x = x.to(TORCH_TYPES[config.element_type])
        for layer in self.layers:
            x = layer(x, padding)
        key_value: Tensor = self.cross_key_value(self.final_norm(x))
        if config.cache_type == "int8":
            key_value = operators.to_steps(key_value)
        shape = (-1, 2 * config.decoder_layers, config.decoder_heads, config.decoder_head_dim)
        return key_value.reshape(shape).permute(1, 2, 0, 3)


class DecoderStep(nn.Module):
    """One decoding step: the last token of every row -> candidates for the next."""

    def __init__(self, config: TransformerConfig, embedding: TokenEmbedding) -> None:
        super().__init__()
        self.config = config
        self.embedding = embedding
        self.embedding_norm = Norm(config) if config.embedding_norm else nn.Identity()
        self.relative_positions = (
            RelativePositions(config.max_positions, config.decoder_heads)
            if config.relative_positions
            else None
        )
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.final_norm = Norm(config) if config.final_norm else nn.Identity()
        self.head: nn.Module = (
            TiedLinear(embedding.tokens)
            if config.tied_output
            else Linear(config.model_dim, config.padded_vocabulary_size)
        )

    def forward(  # noqa: PLR0917 - a graph takes its tensors by position
        self,
        token_ids: Tensor,  # (rows,) int64
        positions: Tensor,  # (rows,) int32
        source_last: Tensor,  # (sources,) int32
        candidate_count: Tensor,  # (1,) int64
        with_normalizers: Tensor,  # () bool
        wanted_ids: Tensor,  # (wanted,) int64
        is_shared: Tensor,  # () bool
        query_index: Tensor,  # (sources, heads * SHARED_ROWS) int64
        attended_index: Tensor,  # (rows, heads) int64
        caches: list[Cache],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, list[Cache]]:
        """Candidate ids and logits (rows, candidates), log-normalizers (rows,), caches.

        Before the caches the logits of the wanted tokens, (rows, wanted), candidates or not.

        Unless `is_shared`, row i has source i, and the two indices may be empty.
        """
        sharing = SharedSources(is_shared, query_index, attended_index)
        target_capacity, source_capacity = caches[0].capacities()
        step = Step(positions, source_last, target_capacity, source_capacity, sharing)
        x, new_caches = self.last_layer(token_ids, step, caches)
        if isinstance(self.head, ScreenedLinear):
            ids, best, normalizers, wanted = self.head.candidates(
                x, candidate_count, with_normalizers, wanted_ids
            )
        elif isinstance(self.head, RowScaledLinear):
            logits, scale = self.head.unscaled(x)
            best, ids = operators.best_candidates(logits, candidate_count)
            best = best * scale
            wanted = logits.index_select(1, wanted_ids) * scale
            normalizers = operators.scaled_log_normalizers(
                logits, scale, best, ids, with_normalizers
            )
        else:
            logits = self.head(x)
            best, ids = operators.best_candidates(logits, candidate_count)
            normalizers = operators.log_normalizers(logits, best, ids, with_normalizers)
            wanted = logits.index_select(1, wanted_ids)
        return ids, best, normalizers, wanted, new_caches

    def logits(
        self, token_ids: Tensor, step: Step, caches: Sequence[Cache]
    ) -> tuple[Tensor, list[Cache]]:
        """Float32 logits of every token, (rows, padded vocab), and the caches."""
        x, new_caches = self.last_layer(token_ids, step, caches)
        return self.head(x), new_caches

    def last_layer(
        self, token_ids: Tensor, step: Step, caches: Sequence[Cache]
    ) -> tuple[Tensor, list[Cache]]:
        """What the head reads, (rows, model_dim) float32, and the caches."""
        x = self.embedding_norm(self.embedding(token_ids, step.positions))
        x = x.to(TORCH_TYPES[self.config.element_type])
        if self.relative_positions is not None and isinstance(caches[0], LayerCache):
            table = self.relative_positions.weight
            bias = operators.past_bias(table, step.positions, caches[0].self_key)
            step = step._replace(target_bias=bias)
        new_caches: list[Cache] = []
        for layer, cache in zip(self.layers, caches, strict=True):
            x, new_cache = layer(x, cache, step)
            new_caches.append(new_cache)
        return self.final_norm(x).float(), new_caches


class Transformer(NamedTuple):
    """Encoder and decoder of one model, which share their embedding.

    The config says what of it each has of its own.
    """

    config: TransformerConfig
    encoder: Encoder
    decoder: DecoderStep

    @classmethod
    def empty(cls, config: TransformerConfig) -> "Transformer":
        """A model whose weights are still to be filled in."""
        tokens = nn.Embedding(config.padded_vocabulary_size, config.model_dim)
        positions = None
        if not config.relative_positions:
            positions = nn.Embedding(config.max_positions, config.model_dim)
        target = source = TokenEmbedding(config.embedding_scale, tokens, positions)
        if config.source_vocabulary_size is not None or config.own_positions:
            if config.source_vocabulary_size is not None:
                tokens = nn.Embedding(config.source_vocabulary_size, config.model_dim)
            if config.own_positions:
                positions = nn.Embedding(config.max_positions, config.model_dim)
            source = TokenEmbedding(config.embedding_scale, tokens, positions)
        return cls(config, Encoder(config, source), DecoderStep(config, target))

    def fold_scale(self) -> None:
        """Scales the tables of tokens, to the same bits.

        For a model whose output projection has weights of its own.
        """
        embeddings = {self.encoder.embedding, self.decoder.embedding}
        for tokens in {embedding.tokens for embedding in embeddings}:
            tokens.weight.data = tokens.weight.data * self.encoder.embedding.scale
        for embedding in embeddings:
            embedding.scale = 1.0

    def parameters(self) -> set[nn.Parameter]:
        """Of both halves; what they share is there once."""
        return {*self.encoder.parameters(), *self.decoder.parameters()}

    def copied(self, config: TransformerConfig) -> "Transformer":
        """A copy whose halves go by `config`, and go on sharing what they share.

        It has the same numbers in the same memory: who changes a parameter gives it new data.
        """
        own = {id(each): nn.Parameter(each.data, each.requires_grad) for each in self.parameters()}
        encoder, decoder = copy.deepcopy((self.encoder, self.decoder), own)  # as one
        encoder.config = decoder.config = config
        return Transformer(config, encoder, decoder)
