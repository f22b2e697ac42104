"""Fills the canonical Transformer from tensors under its own names, the native layout's.

`encoder.layers.0.self_attention.query.weight` and the like, linear weights as PyTorch has them,
(out, in). An importer renames its family's tensors so; problems are told under the names that the
checkpoint gives them. Knows the network; does not know families or files.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from dragoman_export.errors import CheckpointError
from dragoman_export.model import Blueprint
from dragoman_export.network import (
    DecoderLayer,
    EncoderLayer,
    FeedForward,
    Linear,
    Norm,
    ResidualNorm,
    TiedLinear,
    Transformer,
    TransformerConfig,
)

SOURCES, TARGETS = "encoder.embedding.weight", "decoder.embedding.weight"
"""Embeddings of tokens, (vocabulary, model_dim); there are no SOURCES where both share one."""

OUTPUT = "output.weight"
"""The output projection where it is not tied, (vocabulary, model_dim)."""

OUTPUT_BIAS = "output.bias"
"""(vocabulary,); where there is none, it is zero."""

POSITIONS = ("encoder.positions.weight", "decoder.positions.weight")
"""What is added at each place, (max_positions, model_dim)."""

RELATIVE_POSITIONS = (
    "encoder.relative_positions.weight",
    "decoder.relative_positions.weight",
)
"""What attention adds for the distance of two tokens, (2 * max_positions - 1, heads) of the encoder
by the place attended to minus the place that attends, from the least; (max_positions, heads) of the
decoder by how far the place attended to lies back."""

LAYER = re.compile(r"(encoder|decoder)\.layers\.(\d+)\.")

MOST_GROWTH = 16
"""A model may be so many times as large as what is stored of it. Padding is less in every case."""


class Stored(NamedTuple):
    """A tensor of a checkpoint."""

    name: str
    """What the checkpoint calls it."""

    tensor: Tensor
    """Of any floating-point type."""


Tensors = Mapping[str, Stored]
"""By their names in the native layout; what has no place there by the checkpoint's."""


def plan(
    config: TransformerConfig,
    tensors: Tensors,
    path: Path,
    *,
    problems: Sequence[str] = (),
    names: Mapping[str, str] = MappingProxyType({}),
    needs_biases: bool = True,
    scales_attention: bool = True,
    finish: Callable[[Transformer], None] = lambda _: None,
) -> Blueprint:
    """Plans a model of sizes that `require_sizes` found good: all will be well when it is filled.

    Args:
        config: Of the model.
        tensors: Of the model; other tensors of the checkpoint are left out.
        path: Of the checkpoint, which they are from.
        problems: What is known to be wrong with them.
        names: What the checkpoint calls them, for those that are missing.
        needs_biases: Whether the bias of a layer may not be missing; else it is zero.
        scales_attention: Whether what attention compares is divided by sqrt(head_dim).
        finish: What is done to it last.

    Raises:
        CheckpointError: With every tensor that is missing or of the wrong shape, and every one
            that no setting accounts for.
    """
    with torch.device("meta"):  # which takes neither memory nor time
        empty = Transformer.empty(config)
        loader = _Loader(config, tensors, needs_biases, scales_attention, names, [*problems])
        loader.fill(empty)
    if loader.problems:
        raise _misfit(path, loader.problems)

    def fill() -> Transformer:
        transformer = Transformer.empty(config)
        _Loader(config, tensors, needs_biases, scales_attention).fill(transformer)
        for module in (transformer.encoder, transformer.decoder):
            module.eval().requires_grad_(requires_grad=False)
        finish(transformer)
        return transformer

    return Blueprint(config, sum(each.numel() for each in empty.parameters()), fill)


def require_sizes(config: TransformerConfig, tensors: Tensors, path: Path) -> None:
    """Raises CheckpointError where weights contradict sizes, before memory is taken for them."""
    if problems := [*_size_problems(config, tensors)]:
        raise _misfit(path, problems)


def _size_problems(config: TransformerConfig, tensors: Tensors) -> Iterator[str]:
    found = [match.groups() for match in map(LAYER.match, tensors) if match]
    stated = {"encoder": config.encoder_layers, "decoder": config.decoder_layers}
    for side, layers in stated.items():
        if layers != (stored := len({number for where, number in found if where == side})):
            yield f"{side}_layers is {layers}; the weights have {stored} layers in the {side}"
    if any(layers > len(found) for layers in stated.values()):
        return
    # A tensor of several names is there once.
    sizes = {each.tensor.data_ptr(): each.tensor.numel() for each in tensors.values()}
    needed, there = _numbers(config), sum(sizes.values())
    if needed > MOST_GROWTH * there:
        yield f"such a model has {needed} numbers; the weights have {there}"


def _numbers(config: TransformerConfig) -> int:
    """Of all parameters but positions, which are often not stored; takes no memory for them."""
    with torch.device("meta"):
        transformer = Transformer.empty(config)
    encoder, decoder = transformer.encoder, transformer.decoder
    embedding = encoder.embedding.positions
    tables = {embedding, encoder.relative_positions, decoder.relative_positions} - {None}
    positions = sum(each.weight.numel() for each in tables if each is not None)
    return sum(each.numel() for each in transformer.parameters()) - positions


def _misfit(path: Path, problems: Sequence[str]) -> CheckpointError:
    """The error that lists what of the weights is not as the settings say."""
    return CheckpointError.listing(f"the weights of {path} do not fit its settings:", problems)


@dataclass
class _Loader:
    config: TransformerConfig
    tensors: Tensors
    needs_biases: bool
    scales_attention: bool
    names: Mapping[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def fill(self, transformer: Transformer) -> None:
        config = self.config
        self._fill_embedding(transformer)
        self._fill_norms_around(transformer)
        for index, layer in enumerate(transformer.encoder.layers):
            assert isinstance(layer, EncoderLayer)
            self._fill_encoder_layer(layer, f"encoder.layers.{index}")
        prefixes = [f"decoder.layers.{index}" for index in range(config.decoder_layers)]
        for prefix, layer in zip(prefixes, transformer.decoder.layers, strict=True):
            assert isinstance(layer, DecoderLayer)
            self._fill_decoder_layer(layer, prefix)
        cross = [f"{prefix}.cross_attention.{part}" for prefix in prefixes for part in KEY_VALUE]
        self._fill_heads(transformer.encoder.cross_key_value, cross, config.decoder_heads)
        self._refuse_rest()

    def _refuse_rest(self) -> None:
        """What is part of the model and of none that we know: without it, it is another model."""
        self.problems += [
            f"{stored.name} has no place in such a model"
            for name, stored in self.tensors.items()
            if name not in self.used
        ]

    def _tensor(self, name: str, *shape: int) -> Tensor:
        self.used.add(name)
        stored = self.tensors.get(name)
        if stored is None:
            self.problems.append(f"{self._called(name)} is missing")
        elif tuple(stored.tensor.shape) != shape:
            found = tuple(stored.tensor.shape)
            self.problems.append(f"{stored.name} has shape {found}; {shape} is needed")
        elif torch.get_default_device().type != "meta":
            return stored.tensor.float()
        return torch.zeros(shape)

    def _called(self, name: str) -> str:
        """What the checkpoint would call a tensor that it does not have, to go by another layer."""
        if name in self.names:
            return self.names[name]
        own = LAYER.match(name)
        if own is None:
            return name
        for other, stored in self.tensors.items():
            match = LAYER.match(other)
            if match and match[1] == own[1] and other[match.end() :] == name[own.end() :]:
                return stored.name.replace(f".{match[2]}.", f".{own[2]}.", 1)
        return name

    def _bias(self, name: str, size: int) -> Tensor:
        if self.needs_biases or name in self.tensors:
            return self._tensor(name, size)
        return torch.zeros(size)

    def _fill_embedding(self, transformer: Transformer) -> None:
        vocabulary, dim = self.config.vocabulary_size, self.config.model_dim
        embedding = transformer.decoder.embedding
        _fill_rows(embedding.tokens.weight, self._tensor(TARGETS, vocabulary, dim))
        if (size := self.config.source_vocabulary_size) is not None:
            own = transformer.encoder.embedding.tokens
            _fill_rows(own.weight, self._tensor(SOURCES, size, dim))
        self._fill_positions(transformer)
        head = transformer.decoder.head
        assert isinstance(head, Linear | TiedLinear)
        if isinstance(head, Linear):
            _fill_rows(head.weight.t(), self._tensor(OUTPUT, vocabulary, dim))
        head.bias.data.zero_()
        if OUTPUT_BIAS in self.tensors:
            head.bias.data[:vocabulary] = self._tensor(OUTPUT_BIAS, vocabulary)

    def _fill_positions(self, transformer: Transformer) -> None:
        encoder, decoder = transformer.encoder, transformer.decoder
        tables = (
            *zip(
                POSITIONS, (encoder.embedding.positions, decoder.embedding.positions), strict=True
            ),
            *zip(
                RELATIVE_POSITIONS,
                (encoder.relative_positions, decoder.relative_positions),
                strict=True,
            ),
        )
        for name, table in tables:
            if table is not None:
                table.weight.data.copy_(self._tensor(name, *table.weight.shape))

    def _fill_norms_around(self, transformer: Transformer) -> None:
        sides = (("encoder", transformer.encoder), ("decoder", transformer.decoder))
        for side, module in sides:
            if isinstance(module.embedding_norm, Norm):
                self._fill_norm(module.embedding_norm, f"{side}.embedding_norm")
            if isinstance(module.final_norm, Norm):
                self._fill_norm(module.final_norm, f"{side}.final_norm")

    def _fill_encoder_layer(self, layer: EncoderLayer, prefix: str) -> None:
        attention = f"{prefix}.self_attention"
        self._fill_attention_in(layer.attention_in, attention, QUERY_KEY_VALUE, layer.heads)
        self._fill_attention_out(layer.attention_out, f"{attention}.output", layer.heads)
        self._fill_norm(layer.attention_norm, f"{attention}_norm")
        self._fill_feed_forward(layer.feed_forward, f"{prefix}.feed_forward")
        self._fill_norm(layer.feed_forward_norm, f"{prefix}.feed_forward_norm")

    def _fill_decoder_layer(self, layer: DecoderLayer, prefix: str) -> None:
        cross = f"{prefix}.cross_attention"
        if self.config.recurrent:
            self._fill_recurrence(layer, f"{prefix}.recurrence")
        else:
            self._fill_self_attention(layer, f"{prefix}.self_attention")
        self._fill_attention_in(layer.cross_in, cross, ("query",), layer.heads)
        self._fill_attention_out(layer.cross_out, f"{cross}.output", layer.heads)
        self._fill_norm(layer.cross_norm, f"{cross}_norm")
        self._fill_feed_forward(layer.feed_forward, f"{prefix}.feed_forward")
        self._fill_norm(layer.feed_forward_norm, f"{prefix}.feed_forward_norm")

    def _fill_self_attention(self, layer: DecoderLayer, prefix: str) -> None:
        assert isinstance(layer.self_out, Linear)
        self._fill_attention_in(layer.self_in, prefix, QUERY_KEY_VALUE, layer.heads)
        self._fill_attention_out(layer.self_out, f"{prefix}.output", layer.heads)
        self._fill_norm(layer.self_norm, f"{prefix}_norm")

    def _fill_recurrence(self, layer: DecoderLayer, prefix: str) -> None:
        """The unit's own candidate has no bias, but may have one here."""
        self._fill_linear(layer.self_in, *(f"{prefix}.{part}" for part in CANDIDATE_GATE))
        if isinstance(layer.self_out, Linear):
            self._fill_linear(layer.self_out, f"{prefix}.output")
        self._fill_norm(layer.self_norm, f"{prefix}_norm")

    def _fill_attention_in(
        self, linear: Linear, prefix: str, parts: Sequence[str], heads: int
    ) -> None:
        """Queries come first, and 1/sqrt(head_dim) goes into them."""
        self._fill_heads(linear, [f"{prefix}.{part}" for part in parts], heads)
        if not self.scales_attention:
            return
        queries = linear.weight.shape[1] // len(parts)
        scale = 1 / math.sqrt(self._head_dim(heads))
        linear.weight.data[:, :queries] *= scale
        linear.bias.data[:queries] *= scale

    def _fill_heads(self, linear: Linear, names: Sequence[str], heads: int) -> None:
        """As _fill_linear; each head of each projection is filled up to its width."""
        dim, width = self.config.model_dim, linear.weight.shape[1] // len(names)
        inner = heads * self._head_dim(heads)
        for index, name in enumerate(names):
            part = slice(index * width, (index + 1) * width)
            weight = self._tensor(f"{name}.weight", inner, dim)
            linear.weight.data[:, part] = _filled_up(weight, heads, width).t()
            linear.bias.data[part] = _filled_up(self._bias(f"{name}.bias", inner), heads, width)

    def _head_dim(self, heads: int) -> int:
        """Padding not included."""
        return self.config.head_dim or self.config.model_dim // heads

    def _fill_attention_out(self, linear: Linear, name: str, heads: int) -> None:
        """What heads are filled up with is read with zeros."""
        width, dim = linear.weight.shape
        weight = self._tensor(f"{name}.weight", dim, heads * self._head_dim(heads)).t()
        linear.weight.data.copy_(_filled_up(weight, heads, width))
        linear.bias.data.copy_(self._bias(f"{name}.bias", dim))

    def _fill_feed_forward(self, feed_forward: FeedForward, prefix: str) -> None:
        gate = [f"{prefix}.gate"] if feed_forward.is_gated else []
        self._fill_linear(feed_forward.widen, *gate, f"{prefix}.widen")
        self._fill_linear(feed_forward.narrow, f"{prefix}.narrow")

    def _fill_linear(self, linear: Linear, *names: str) -> None:
        """Several projections of one input side by side, (out, in) there and (in, out) here."""
        inputs, outputs = linear.weight.shape[0], linear.weight.shape[1] // len(names)
        for index, name in enumerate(names):
            part = slice(index * outputs, (index + 1) * outputs)
            linear.weight.data[:, part] = self._tensor(f"{name}.weight", outputs, inputs).t()
            linear.bias.data[part] = self._bias(f"{name}.bias", outputs)

    def _fill_norm(self, norm: Norm, name: str) -> None:
        if isinstance(norm, ResidualNorm) and isinstance(norm.second, Norm):
            self._fill_norm(norm.second, f"{name}_second")
        norm.weight.data.copy_(self._tensor(f"{name}.weight", self.config.model_dim))
        if norm.bias is not None:
            norm.bias.data.copy_(self._bias(f"{name}.bias", self.config.model_dim))


CANDIDATE_GATE = ("candidate", "gate")
KEY_VALUE = ("key", "value")
QUERY_KEY_VALUE = ("query", *KEY_VALUE)


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
