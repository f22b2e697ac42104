"""Which tensor of a Marian checkpoint fills which parameter of the canonical Transformer."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from dragoman_export.checkpoints import Checkpoint
from dragoman_export.errors import CheckpointError
from dragoman_export.network import (
    DecoderLayer,
    EncoderLayer,
    FeedForward,
    Linear,
    Norm,
    TiedLinear,
    Transformer,
    TransformerConfig,
)

SHARED = "model.shared.weight"
SOURCES = "model.encoder.embed_tokens.weight"
TARGETS = "model.decoder.embed_tokens.weight"
OUTPUT = "lm_head.weight"

POSITIONS = ("model.encoder.embed_positions.weight", "model.decoder.embed_positions.weight")
"""One table of sinusoids, which is as likely left out."""

OUTPUT_BIAS = "final_logits_bias"

FORMAT_VERSION = "coder.version"
"""Ends the name of a tensor that older tools store beside a model's own."""

LAYER = re.compile(r"model\.(encoder|decoder)\.layers\.(\d+)\.")


class Embeddings(NamedTuple):
    """Names of the tensors that are the three embeddings; what is tied has one name."""

    sources: str
    targets: str
    output: str
    """The output projection."""


def find_embeddings(tensors: Mapping[str, Tensor], *, shared: bool) -> Embeddings:
    """Which tensors are tied: which of its names a file keeps depends on who wrote it.

    As transformers does it since 5.0: what is there and differs is not tied, whatever the settings
    say; what is not there is what it may be tied to.

    Args:
        tensors: All of them, by name.
        shared: Whether sources and targets may have one embedding.
    """
    first = (SHARED, OUTPUT, TARGETS, SOURCES) if shared else (TARGETS, OUTPUT)
    base = next((name for name in first if name in tensors), first[0])

    def own(name: str) -> str:
        is_other = name in tensors and not torch.equal(tensors[name], tensors[base])
        return name if is_other else base

    return Embeddings(own(SOURCES) if shared else SOURCES, own(TARGETS), own(OUTPUT))


class Positions(NamedTuple):
    """The tables, (positions, dim)."""

    sources: Tensor
    targets: Tensor
    problems: Sequence[str] = ()
    """What is not as it must be."""

    @property
    def differ(self) -> bool:
        """Whether there are two."""
        return not torch.equal(self.sources, self.targets)


def sinusoidal_positions(tensors: Mapping[str, Tensor], sinusoids: Tensor) -> Positions:
    """As stored, which is what the checkpoint's own implementation uses, or `sinusoids`."""
    problems, tables = [], []
    for name in POSITIONS:
        table = tensors.get(name, sinusoids)
        if table.shape != sinusoids.shape:
            shape = tuple(sinusoids.shape)
            problems.append(f"{name} has shape {tuple(table.shape)}; {shape} is needed")
            table = sinusoids
        elif not _is_rounded(table, sinusoids):
            problems.append(f"{name} is not the sinusoidal table; learned positions?")
        tables.append(table)
    sources, targets = tables
    return Positions(sources, targets, problems)


MOST_GROWTH = 16
"""A model may be so many times as large as what is stored of it. Padding is less in every case."""


def size_problems(config: TransformerConfig, tensors: Mapping[str, Tensor]) -> Iterator[str]:
    """Sizes that the weights contradict, found before memory is taken for them."""
    found = [match.groups() for match in map(LAYER.match, tensors) if match]
    stated = {"encoder": config.encoder_layers, "decoder": config.decoder_layers}
    for side, layers in stated.items():
        if layers != (stored := len({number for where, number in found if where == side})):
            yield f"{side}_layers is {layers}; the weights have {stored} layers in the {side}"
    if any(layers > len(found) for layers in stated.values()):
        return
    needed, there = _numbers(config), sum(tensor.numel() for tensor in tensors.values())
    if needed > MOST_GROWTH * there:
        yield f"such a model has {needed} numbers; the weights have {there}"


def _numbers(config: TransformerConfig) -> int:
    """Of all parameters but positions, which are often not stored; takes no memory for them."""
    with torch.device("meta"):
        transformer = Transformer.empty(config)
    positions = transformer.encoder.embedding.positions.weight
    return sum(each.numel() for each in transformer.parameters()) - positions.numel()


def misfit(checkpoint: Checkpoint, problems: Sequence[str]) -> CheckpointError:
    """The error that lists what of the weights is not as the settings say."""
    return CheckpointError.listing(
        f"the weights of {checkpoint.path} do not fit its config.json:", problems
    )


def load_weights(
    transformer: Transformer, checkpoint: Checkpoint, embeddings: Embeddings, positions: Positions
) -> None:
    """Fills every parameter.

    Args:
        transformer: The model to fill.
        checkpoint: Where from.
        embeddings: Which of its tensors they are.
        positions: Of sources and targets.

    Raises:
        CheckpointError: With every tensor that is missing, of the wrong shape, or not what it must
            be, and every one that no setting accounts for.
    """
    loader = _Loader(transformer.config, checkpoint.tensors, embeddings, [*positions.problems])
    loader.fill(transformer, positions)
    if loader.problems:
        raise misfit(checkpoint, loader.problems)
    for module in (transformer.encoder, transformer.decoder):
        module.eval().requires_grad_(requires_grad=False)


@dataclass
class _Loader:
    config: TransformerConfig
    tensors: dict[str, Tensor]
    embeddings: Embeddings
    problems: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def fill(self, transformer: Transformer, positions: Positions) -> None:
        config = self.config
        self._fill_embedding(transformer, positions)
        self._fill_norms_around(transformer)
        for index, layer in enumerate(transformer.encoder.layers):
            assert isinstance(layer, EncoderLayer)
            self._fill_encoder_layer(layer, f"model.encoder.layers.{index}")
        prefixes = [f"model.decoder.layers.{index}" for index in range(config.decoder_layers)]
        for prefix, layer in zip(prefixes, transformer.decoder.layers, strict=True):
            assert isinstance(layer, DecoderLayer)
            self._fill_decoder_layer(layer, prefix)
        cross = [f"{prefix}.encoder_attn.{part}_proj" for prefix in prefixes for part in ("k", "v")]
        self._fill_heads(transformer.encoder.cross_key_value, cross, config.decoder_heads)
        self._refuse_rest()

    def _refuse_rest(self) -> None:
        """What is part of the model and of none that we know: without it, it is another model."""
        for name in self.tensors:
            ours = name.startswith("model.") and not name.endswith(FORMAT_VERSION)
            if ours and name not in self.used:
                self.problems.append(f"{name} has no place in such a model")

    def _tensor(self, name: str, *shape: int) -> Tensor:
        self.used.add(name)
        tensor = self.tensors.get(name)
        if tensor is None:
            self.problems.append(f"{name} is missing")
        elif tuple(tensor.shape) != shape:
            self.problems.append(f"{name} has shape {tuple(tensor.shape)}; {shape} is needed")
        else:
            return tensor
        return torch.zeros(shape)

    def _fill_embedding(self, transformer: Transformer, positions: Positions) -> None:
        vocabulary, dim = self.config.vocabulary_size, self.config.model_dim
        sources, targets, output = self.embeddings
        embedding = transformer.decoder.embedding
        _fill_rows(embedding.tokens.weight, self._tensor(targets, vocabulary, dim))
        if (size := self.config.source_vocabulary_size) is not None:
            own = transformer.encoder.embedding.tokens
            _fill_rows(own.weight, self._tensor(sources, size, dim))
        self._fill_positions(transformer, positions)
        head = transformer.decoder.head
        assert isinstance(head, Linear | TiedLinear)
        if isinstance(head, Linear):
            _fill_rows(head.weight.t(), self._tensor(output, vocabulary, dim))
        head.bias.data.zero_()
        if OUTPUT_BIAS in self.tensors:  # where there is none, it is zero
            head.bias.data[:vocabulary] = self._tensor(OUTPUT_BIAS, 1, vocabulary)[0]
        self.used.update(name for name in (SHARED, SOURCES, TARGETS) if name in self.tensors)

    def _fill_positions(self, transformer: Transformer, positions: Positions) -> None:
        for embedding, table in (
            (transformer.encoder.embedding, positions.sources),
            (transformer.decoder.embedding, positions.targets),
        ):
            embedding.positions.weight.data.copy_(table)
        self.used.update(POSITIONS)

    def _fill_norms_around(self, transformer: Transformer) -> None:
        sides = (("encoder", transformer.encoder), ("decoder", transformer.decoder))
        for side, module in sides:
            if isinstance(module.embedding_norm, Norm):
                self._fill_norm(module.embedding_norm, f"model.{side}.layernorm_embedding")
            if isinstance(module.final_norm, Norm):
                self._fill_norm(module.final_norm, f"model.{side}.layer_norm")

    def _fill_encoder_layer(self, layer: EncoderLayer, prefix: str) -> None:
        self._fill_attention_in(layer.attention_in, f"{prefix}.self_attn", "qkv", layer.heads)
        self._fill_attention_out(layer.attention_out, f"{prefix}.self_attn.out_proj", layer.heads)
        self._fill_norm(layer.attention_norm, f"{prefix}.self_attn_layer_norm")
        self._fill_feed_forward(layer.feed_forward, prefix)
        self._fill_norm(layer.feed_forward_norm, f"{prefix}.final_layer_norm")

    def _fill_decoder_layer(self, layer: DecoderLayer, prefix: str) -> None:
        self._fill_attention_in(layer.self_in, f"{prefix}.self_attn", "qkv", layer.heads)
        self._fill_attention_out(layer.self_out, f"{prefix}.self_attn.out_proj", layer.heads)
        self._fill_norm(layer.self_norm, f"{prefix}.self_attn_layer_norm")
        self._fill_attention_in(layer.cross_in, f"{prefix}.encoder_attn", "q", layer.heads)
        self._fill_attention_out(layer.cross_out, f"{prefix}.encoder_attn.out_proj", layer.heads)
        self._fill_norm(layer.cross_norm, f"{prefix}.encoder_attn_layer_norm")
        self._fill_feed_forward(layer.feed_forward, prefix)
        self._fill_norm(layer.feed_forward_norm, f"{prefix}.final_layer_norm")

    def _fill_attention_in(self, linear: Linear, prefix: str, parts: str, heads: int) -> None:
        """Queries come first, and 1/sqrt(head_dim) goes into them."""
        self._fill_heads(linear, [f"{prefix}.{part}_proj" for part in parts], heads)
        queries = linear.weight.shape[1] // len(parts)
        scale = 1 / math.sqrt(self.config.model_dim // heads)
        linear.weight.data[:, :queries] *= scale
        linear.bias.data[:queries] *= scale

    def _fill_heads(self, linear: Linear, names: Sequence[str], heads: int) -> None:
        """As _fill_linear; each head of each projection is filled up to its width."""
        dim, width = self.config.model_dim, linear.weight.shape[1] // len(names)
        weights = [self._tensor(f"{name}.weight", dim, dim) for name in names]
        biases = [self._tensor(f"{name}.bias", dim) for name in names]
        linear.weight.data.copy_(torch.cat([_filled_up(w, heads, width) for w in weights]).t())
        linear.bias.data.copy_(torch.cat([_filled_up(bias, heads, width) for bias in biases]))

    def _fill_attention_out(self, linear: Linear, name: str, heads: int) -> None:
        """What heads are filled up with is read with zeros."""
        width, dim = linear.weight.shape
        weight = self._tensor(f"{name}.weight", dim, dim).t()
        linear.weight.data.copy_(_filled_up(weight, heads, width))
        linear.bias.data.copy_(self._tensor(f"{name}.bias", dim))

    def _fill_feed_forward(self, feed_forward: FeedForward, prefix: str) -> None:
        self._fill_linear(feed_forward.widen, [f"{prefix}.fc1"])
        self._fill_linear(feed_forward.narrow, [f"{prefix}.fc2"])

    def _fill_linear(self, linear: Linear, names: Sequence[str]) -> None:
        """Several projections of one input side by side, (out, in) there and (in, out) here."""
        inputs, outputs = linear.weight.shape[0], linear.weight.shape[1] // len(names)
        weights = [self._tensor(f"{name}.weight", outputs, inputs) for name in names]
        linear.weight.data.copy_(torch.cat(weights).t())
        linear.bias.data.copy_(torch.cat([self._tensor(f"{n}.bias", outputs) for n in names]))

    def _fill_norm(self, norm: Norm, name: str) -> None:
        norm.weight.data.copy_(self._tensor(f"{name}.weight", self.config.model_dim))
        norm.bias.data.copy_(self._tensor(f"{name}.bias", self.config.model_dim))


def _fill_rows(table: Tensor, rows: Tensor) -> None:
    """Fills a table, with zeros after the rows that there are."""
    table.data.zero_()
    table.data[: len(rows)] = rows


def _filled_up(x: Tensor, heads: int, width: int) -> Tensor:
    """(dim, ...) -> (width, ...): heads lie along dimension 0, zeros after each."""
    each = x.reshape(heads, -1, *x.shape[1:])  # (heads, head_dim, ...)
    wide = x.new_zeros(heads, width // heads, *x.shape[1:])
    wide[:, : each.shape[1]] = each
    return wide.flatten(0, 1)


def _is_rounded(table: Tensor, exact: Tensor) -> bool:
    """Whether it is the exact one in any type that checkpoints are stored in."""
    types = (torch.float32, torch.float16, torch.bfloat16)
    return any(torch.allclose(table, exact.to(each).float(), atol=1e-3) for each in types)
