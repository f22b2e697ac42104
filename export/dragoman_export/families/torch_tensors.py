"""The tensors of an nn.Transformer under the names of the native layout.

Source: torch.nn's Transformer, TransformerEncoderLayer, TransformerDecoderLayer and
MultiheadAttention, whose three projections are one tensor. Knows names and shapes; does not know
files.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from dragoman_export.families import weights
from dragoman_export.families.weights import Stored

ATTENTIONS = {"self_attn": "self_attention", "multihead_attn": "cross_attention"}

PARTS = ("query", "key", "value")
"""In the order in which they are in one tensor."""

LAYER_NAMES = {
    "self_attn.out_proj": "self_attention.output",
    "multihead_attn.out_proj": "cross_attention.output",
    "linear1": "feed_forward.widen",
    "linear2": "feed_forward.narrow",
    "norm1": "self_attention_norm",
}

SIDES = {
    "encoder": LAYER_NAMES | {"norm2": "feed_forward_norm"},
    "decoder": LAYER_NAMES | {"norm2": "cross_attention_norm", "norm3": "feed_forward_norm"},
}

IN_LAYER = re.compile(r"layers\.(\d+)\.(.+)\.(weight|bias)")

FUSED = re.compile(r"layers\.(\d+)\.(self_attn|multihead_attn)\.in_proj_(weight|bias)")

FINAL_NORM = re.compile(r"norm\.(weight|bias)")


class Names(NamedTuple):
    """What the user's module calls its parts."""

    encoder: str
    """What the names of the encoder's tensors begin with: "transformer.encoder."."""
    decoder: str
    source_embedding: str
    target_embedding: str
    output_weight: str | None
    """None where the output projection is the embedding of targets."""
    output_bias: str | None
    source_positions: str | None
    target_positions: str | None

    def missing(self, tensors: Mapping[str, Tensor]) -> list[str]:
        """Problems: names of no tensor, and of embeddings that are no tables."""
        named = [name for name in self[2:] if name is not None]
        embeddings = (self.source_embedding, self.target_embedding)
        lacking = [name for name in dict.fromkeys(named) if name not in tensors]
        flat = [
            name
            for name in dict.fromkeys(embeddings)
            if name in tensors and (tensors[name].ndim != 2 or not tensors[name].numel())  # noqa: PLR2004
        ]
        return [
            *(f"{name} is missing" for name in lacking),
            *(
                f"{name} has shape {tuple(tensors[name].shape)}; (vocabulary, d_model) is needed"
                for name in flat
            ),
        ]


class Sizes(NamedTuple):
    """What the weights say of the module."""

    d_model: int
    num_encoder_layers: int
    num_decoder_layers: int
    encoder_feedforward: int
    decoder_feedforward: int


@dataclass
class TorchTensors:
    """All of a state dict."""

    tensors: Mapping[str, Tensor]
    names: Names
    """Of which none is missing."""
    problems: list[str] = field(default_factory=list)
    _misshapen: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def embeddings(self) -> tuple[Tensor, Tensor]:
        """Of sources and of targets, (tokens, d_model)."""
        names = self.names
        return self.tensors[names.source_embedding], self.tensors[names.target_embedding]

    @property
    def shares_embedding(self) -> bool:
        """Whether sources and targets have one embedding, under whatever names."""
        return self._are_one(self.names.source_embedding, self.names.target_embedding)

    @property
    def ties_output(self) -> bool:
        """Whether the output projection is the embedding of targets."""
        name = self.names.output_weight
        return name is None or self._are_one(name, self.names.target_embedding)

    @property
    def has_biases(self) -> bool:
        """Whether any attention has one."""
        return any(name.endswith(".in_proj_bias") for name in self.tensors)

    @property
    def has_final_norm(self) -> bool:
        """Whether the encoder or the decoder ends with one."""
        return any(
            FINAL_NORM.fullmatch(name.removeprefix(prefix))
            for prefix in self.names[:2]
            for name in self.tensors
            if name.startswith(prefix)
        )

    def positions(self) -> tuple[Stored | None, Stored | None]:
        """The tables of sources and targets that the user names."""
        first, second = (
            None if name is None else Stored(name, self.tensors[name])
            for name in (self.names.source_positions, self.names.target_positions)
        )
        return first, second

    def native(self, dim: int) -> dict[str, Stored]:
        """All but positions, by their names in the native layout; strays keep their own."""
        names = self.names
        native = {weights.TARGETS: self._stored(names.target_embedding)}
        if not self.shares_embedding:
            native[weights.SOURCES] = self._stored(names.source_embedding)
        if names.output_weight is not None and not self.ties_output:
            native[weights.OUTPUT] = self._stored(names.output_weight)
        if names.output_bias is not None:
            native[weights.OUTPUT_BIAS] = self._stored(names.output_bias)
        for name in self.tensors:
            if name not in names[2:]:
                native |= self._renamed(name, dim)
        return native

    def stand_ins(self) -> dict[str, Stored]:
        """Zeros for what `problems` tells of, so that it is told once."""
        return {name: Stored(name, torch.zeros(*shape)) for name, shape in self._misshapen.items()}

    def sizes(self, native: Mapping[str, Stored]) -> Sizes:
        """As the native tensors say; 0 for what is missing."""
        found = [match.groups() for match in map(weights.LAYER.match, native) if match]
        layers = {side: len({n for where, n in found if where == side}) for side in SIDES}
        widths = {
            side: _rows(native.get(f"{side}.layers.0.feed_forward.widen.weight")) for side in SIDES
        }
        return Sizes(
            d_model=self.embeddings[1].shape[1],
            num_encoder_layers=layers["encoder"],
            num_decoder_layers=layers["decoder"],
            encoder_feedforward=widths["encoder"],
            decoder_feedforward=widths["decoder"],
        )

    def _are_one(self, first: str, second: str) -> bool:
        return first == second or torch.equal(self.tensors[first], self.tensors[second])

    def _stored(self, name: str) -> Stored:
        return Stored(name, self.tensors[name])

    def _renamed(self, name: str, dim: int) -> dict[str, Stored]:
        for side, prefix in zip(SIDES, self.names[:2], strict=True):
            if not name.startswith(prefix):
                continue
            inner = name.removeprefix(prefix)
            if match := FUSED.fullmatch(inner):
                layer, attention, kind = match.groups()
                place = f"{side}.layers.{int(layer)}.{ATTENTIONS[attention]}"
                return dict(self._split(name, place, kind, dim))
            if (match := IN_LAYER.fullmatch(inner)) and match[2] in SIDES[side]:
                place = f"{side}.layers.{int(match[1])}.{SIDES[side][match[2]]}"
                return {f"{place}.{match[3]}": self._stored(name)}
            if match := FINAL_NORM.fullmatch(inner):
                return {f"{side}.final_norm.{match[1]}": self._stored(name)}
        return {name: self._stored(name)}

    def _split(self, name: str, place: str, kind: str, dim: int) -> Iterator[tuple[str, Stored]]:
        """Queries, keys and values of one tensor of (3 * d_model, ...)."""
        tensor = self.tensors[name]
        parts = [f"{place}.{part}.{kind}" for part in PARTS]
        shape = (3 * dim, dim) if kind == "weight" else (3 * dim,)
        if tensor.shape == shape:
            stored = [Stored(name, rows) for rows in tensor.chunk(3)]
            yield from zip(parts, stored, strict=True)
        else:
            self.problems.append(f"{name} has shape {tuple(tensor.shape)}; {shape} is needed")
            self._misshapen |= dict.fromkeys(parts, (dim, *shape[1:]))


def _rows(stored: Stored | None) -> int:
    return len(stored.tensor) if stored is not None and stored.tensor.ndim else 0
