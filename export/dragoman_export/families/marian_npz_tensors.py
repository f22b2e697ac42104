"""The tensors of a Marian model under the names of the native layout.

Source of the names: marian-dev, `models/transformer.h`, `layers/output.cpp`, `rnn/cells.h`. Weights
are (in, out) there and biases (1, out). Knows names and what is tied; does not know what steers a
model.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from dragoman_export.families import weights
from dragoman_export.families.equivalents import fold_sigmoid_gelu
from dragoman_export.families.marian_npz_settings import MarianSettings
from dragoman_export.families.positions import fairseq_sinusoids
from dragoman_export.families.weights import Stored

SIDES = ("encoder", "decoder")

SHARED = "Wemb"
"""The embedding of both, or those of each."""
OWN = ("encoder_Wemb", "decoder_Wemb")

OUTPUT, LEGACY_OUTPUT, OUTPUT_BIAS = (
    "decoder_ff_logit_out_Wt",
    "decoder_ff_logit_out_W",
    "decoder_ff_logit_out_b",
)
"""(vocabulary, dim), or the transpose of it in older models."""

POSITIONS = "Wpos"
"""(1, positions, dim) or without the first."""

COMPUTED_POSITIONS = 512
"""Rows of a table that is not stored. Marian computes any number of them, which no training saw."""

PARTS = {"q": "query", "k": "key", "v": "value", "o": "output"}


class Wanted(NamedTuple):
    """A tensor of the native layout, and what it is made of."""

    native: str
    name: str
    is_transposed: bool = False


class MarianTensors:
    """Tensors of a file, and what of them was taken."""

    def __init__(self, stored: Mapping[str, Tensor], settings: MarianSettings) -> None:
        self._stored = stored
        self._settings = settings
        self.sources = SHARED if SHARED in stored else OWN[0]
        """Name of the embedding of sources."""
        self.targets = SHARED if SHARED in stored else OWN[1]
        self.output = next((name for name in (OUTPUT, LEGACY_OUTPUT) if name in stored), None)
        """Name of the output projection, None where it is the embedding of targets."""

    def rows(self, name: str) -> int | None:
        """Of an embedding, None where it is not there or is no table."""
        table = self._stored.get(name)
        return None if table is None or table.ndim != 2 else len(table)  # noqa: PLR2004

    @property
    def width(self) -> int:
        """Of the model, by the embedding of targets; 1 where that is missing."""
        table = self._stored.get(self.targets)
        return 1 if table is None or table.ndim != 2 else table.shape[1]  # noqa: PLR2004

    def hidden(self, side: str) -> int:
        """Width of the feed-forward's hidden layer; 1 where the first layer has none."""
        widen = self._stored.get(f"{side}_l1_ffn_W1")
        return 1 if widen is None or widen.ndim != 2 else widen.shape[1]  # noqa: PLR2004

    def names(self) -> dict[str, str]:
        """What Marian calls each tensor of the native layout."""
        return {want.native: want.name for want in self._wanted()}

    def native(self) -> dict[str, Stored]:
        """All tensors but positions; those without a place keep Marian's names."""
        native: dict[str, Stored] = {}
        used = {POSITIONS}
        for want in self._wanted():
            used.add(want.name)
            tensor = self._stored.get(want.name)
            if tensor is not None:
                native[want.native] = Stored(want.name, _plain(tensor, want))
        self._add_what_is_nothing(native)
        if self._settings.is_sigmoid_gelu:
            fold_sigmoid_gelu(native, gated=False)
        strays = {name: Stored(name, tensor) for name, tensor in self._stored.items()}
        return {**native, **{name: strays[name] for name in strays if name not in used}}

    def positions(self) -> Tensor:
        """The table of both sides, (positions, dim)."""
        table = self._stored.get(POSITIONS)
        if self._settings.learns_positions and table is not None:
            return table.reshape(-1, table.shape[-1])
        return fairseq_sinusoids(COMPUTED_POSITIONS, self.width, first=0)

    def _add_what_is_nothing(self, native: dict[str, Stored]) -> None:
        """Biases and projections that a model of these settings does without."""
        dim = self.width
        for layer in range(self._settings.decoder_layers):
            if self._settings.is_recurrent:
                name = f"decoder.layers.{layer}.recurrence.candidate.bias"
                native[name] = Stored("no bias", torch.zeros(dim))
        if self._settings.has_attention_output:
            return
        for side, attentions in _attentions(self._settings):
            for layer in range(getattr(self._settings, f"{side}_layers")):
                for attention, _ in attentions:
                    name = f"{side}.layers.{layer}.{attention}.output"
                    native[f"{name}.weight"] = Stored("no projection", torch.eye(dim))
                    native[f"{name}.bias"] = Stored("no projection", torch.zeros(dim))

    def _wanted(self) -> Iterator[Wanted]:
        if self.sources != self.targets:
            yield Wanted(weights.SOURCES, self.sources)
        yield Wanted(weights.TARGETS, self.targets)
        if self.output is not None:
            yield Wanted(weights.OUTPUT, self.output, self.output == LEGACY_OUTPUT)
        if OUTPUT_BIAS in self._stored:
            yield Wanted(weights.OUTPUT_BIAS, OUTPUT_BIAS)
        residuals = self._settings.residuals
        for side in SIDES:
            if residuals.is_embedded:
                yield from self._norm(f"{side}.embedding_norm", f"{side}_emb", "_pre")
            if residuals.is_final:
                yield from self._norm(f"{side}.final_norm", f"{side}_top", "")
        for side, attentions in _attentions(self._settings):
            layers = getattr(self._settings, f"{side}_layers")
            for layer in range(layers):
                number = layer + 1 if side == "encoder" else self._settings.tied_layers[layer]
                ours, theirs = f"{side}.layers.{layer}", f"{side}_l{number}"
                for attention, name in attentions:
                    yield from self._attention(f"{ours}.{attention}", f"{theirs}_{name}")
                if side == "decoder" and self._settings.is_recurrent:
                    yield from self._recurrence(f"{ours}.recurrence", f"{theirs}_rnn")
                yield from self._feed_forward(f"{ours}.feed_forward", f"{theirs}_ffn")

    def _attention(self, ours: str, theirs: str) -> Iterator[Wanted]:
        for part, native in PARTS.items():
            if part == "o" and not self._settings.has_attention_output:
                continue
            yield Wanted(f"{ours}.{native}.weight", f"{theirs}_W{part}", is_transposed=True)
            yield Wanted(f"{ours}.{native}.bias", f"{theirs}_b{part}")
        yield from self._norms(f"{ours}_norm", f"{theirs}_Wo", f"{theirs}_Wo")

    def _recurrence(self, ours: str, theirs: str) -> Iterator[Wanted]:
        yield Wanted(f"{ours}.candidate.weight", f"{theirs}_W", is_transposed=True)
        yield Wanted(f"{ours}.gate.weight", f"{theirs}_Wf", is_transposed=True)
        yield Wanted(f"{ours}.gate.bias", f"{theirs}_bf")
        if self._settings.has_recurrent_output:
            yield Wanted(f"{ours}.output.weight", f"{theirs}_Wo", is_transposed=True)
            yield Wanted(f"{ours}.output.bias", f"{theirs}_bo")
        yield from self._norms(f"{ours}_norm", theirs, f"{theirs}_ffn")

    def _feed_forward(self, ours: str, theirs: str) -> Iterator[Wanted]:
        for index, native in enumerate(("widen", "narrow"), start=1):
            yield Wanted(f"{ours}.{native}.weight", f"{theirs}_W{index}", is_transposed=True)
            yield Wanted(f"{ours}.{native}.bias", f"{theirs}_b{index}")
        yield from self._norms(f"{ours}_norm", f"{theirs}_ffn", f"{theirs}_ffn")

    def _norms(self, ours: str, before: str, after: str) -> Iterator[Wanted]:
        residuals = self._settings.residuals
        if residuals.is_first:
            yield from self._norm(ours, before, "_pre")
        if residuals.is_last:
            yield from self._norm(f"{ours}_second" if residuals.is_first else ours, after, "")

    def _norm(self, ours: str, theirs: str, suffix: str) -> Iterator[Wanted]:
        kind = self._settings.residuals.norm
        yield Wanted(f"{ours}.weight", f"{theirs}_{kind}_scale{suffix}")
        if kind == "ln":
            yield Wanted(f"{ours}.bias", f"{theirs}_{kind}_bias{suffix}")


def _attentions(settings: MarianSettings) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Of each side, the attentions and what Marian calls them."""
    own, cross = ("self_attention", "self"), ("cross_attention", "context")
    yield "encoder", [own]
    yield "decoder", [cross] if settings.is_recurrent else [own, cross]


def _plain(tensor: Tensor, want: Wanted) -> Tensor:
    """As the native layout has it: (out, in), or (out,) where Marian has (1, out)."""
    if want.native.endswith(".bias") or "norm" in want.native:
        is_row = tensor.ndim == 2 and len(tensor) == 1  # noqa: PLR2004 - (1, out)
        return tensor.reshape(-1) if is_row else tensor
    return tensor.t() if want.is_transposed and tensor.ndim == 2 else tensor  # noqa: PLR2004
