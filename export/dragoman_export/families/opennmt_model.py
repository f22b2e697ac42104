"""Fills the canonical Transformer from tensors of OpenNMT-py and of Eole, which are of one kin.

Pre-norm with a norm after the last layer; positions interleaved, in halves, or learned. What is
tied is decided by the weights. Knows what a toolkit's names mean once it is told; does not know
files or settings.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from dragoman_export.families import weights
from dragoman_export.families.bart_settings import MOST_POSITIONS
from dragoman_export.families.bart_tensors import are_equal
from dragoman_export.families.positions import (
    Positions,
    fairseq_sinusoids,
    interleaved_sinusoids,
)
from dragoman_export.families.suppressed import Suppressed
from dragoman_export.families.weights import Stored, plan, require_sizes
from dragoman_export.model import Blueprint
from dragoman_export.network import TransformerConfig

PositionKind = Literal["SinusoidalInterleaved", "SinusoidalConcat", "Learned"]

SINUSOIDAL_POSITIONS = 5000
"""Rows of a table that neither toolkit lets its user choose."""


class Names(NamedTuple):
    """What a toolkit calls its tensors."""

    parts: Mapping[str, str]
    """Parts of a name, and what they are in the native layout's."""

    first: str
    """The part of the feed-forward's projection that is activated."""

    second: str
    """Of the one that it is multiplied by, where it is gated."""

    sources: str
    targets: str
    output: str
    output_bias: str

    positions: Mapping[PositionKind, tuple[str, str]]
    """The tables of sources and targets."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Settings without problems."""

    config: TransformerConfig
    """But for positions and for what is tied, which are the weights' to say."""

    positions: PositionKind

    first_position: int = 0
    """Row of a learned table that the first token gets."""

    learned_positions: int = 0
    """Rows of such a table."""

    shares_embeddings: bool
    """Whether an embedding that is not there may be the other side's."""

    ties_output: bool
    """Whether an output projection that is not there may be the targets' embedding."""

    biases: Mapping[str, bool | None]
    """Whether layers of a name in the native layout have one; None where the weights say it."""


def build(
    path: Path,
    architecture: Architecture,
    names: Names,
    stored: Mapping[str, Tensor],
    source_size: int,
    *,
    inserted: int | None,
) -> Blueprint:
    """The model.

    Args:
        path: Of the checkpoint.
        architecture: Says what it is like.
        names: Of its tensors.
        stored: All that there are.
        source_size: Tokens of sources, those that were inserted among them.
        inserted: Id of a token that sources do not have: its embedding is nothing.

    Raises:
        CheckpointError: With every tensor that is missing, misshapen or left over.
    """
    return _Builder(path, architecture, names, stored, source_size, inserted).build()


@dataclass
class _Builder:
    path: Path
    architecture: Architecture
    names: Names
    stored: Mapping[str, Tensor]
    source_size: int
    inserted: int | None
    problems: list[str] = field(default_factory=list)

    def build(self) -> Blueprint:
        config, tensors = self._embeddings(self._layers())
        require_sizes(config, tensors, self.path)
        positions = self._positions(config.model_dim)
        return plan(
            replace(
                config,
                max_positions=len(positions.sources.tensor),
                own_positions=positions.differ,
            ),
            {**tensors, **positions.native_tensors()},
            self.path,
            problems=[*self.problems, *positions.problems],
            finish=Suppressed().apply,
        )

    def _layers(self) -> dict[str, Stored]:
        """All but embeddings, output and positions by their names in the native layout."""
        names, gated = self.names, self.architecture.config.gated
        gate = {names.first: ".feed_forward.gate.", names.second: ".feed_forward.widen."}
        parts = {**names.parts, **(gate if gated else {names.first: ".feed_forward.widen."})}
        tables = names.positions[self.architecture.positions]
        others = {names.sources, names.targets, names.output, names.output_bias, *tables}
        native: dict[str, Stored] = {}
        for name, tensor in self.stored.items():
            if name in others:
                continue
            ours = name
            for part, native_part in parts.items():
                ours = ours.replace(part, native_part)
            native[ours] = Stored(name, tensor)
        return native | dict(self._lacking_biases(native))

    def _lacking_biases(self, native: Mapping[str, Stored]) -> Iterator[tuple[str, Stored]]:
        """Zeros where there are no biases, or none though there must be some."""
        layers = itertools.product(("encoder", "decoder"), self.architecture.biases.items())
        for side, (layer, has_biases) in layers:
            ends = f".{layer}.weight"
            names = [name for name in native if name.startswith(side) and name.endswith(ends)]
            biases = {name: f"{name.removesuffix('weight')}bias" for name in names}
            found = [native[bias].name for bias in biases.values() if bias in native]
            if found and has_biases is False:
                self.problems.append(f"{found[0]} is there; the settings say that there is none")
            for name, bias in biases.items():
                if bias in native:
                    continue
                own = native[name].name.removesuffix("weight") + "bias"
                if has_biases or (found and has_biases is None):
                    self.problems.append(f"{own} is missing")
                yield bias, Stored(own, torch.zeros(native[name].tensor.shape[:1]))

    def _embeddings(
        self, tensors: dict[str, Stored]
    ) -> tuple[TransformerConfig, dict[str, Stored]]:
        """With embeddings and output, and the settings that say what of them is tied."""
        names, config = self.names, self.architecture.config
        size, dim = config.vocabulary_size, config.model_dim
        may_share = self.architecture.shares_embeddings
        targets = self._find(names.targets, names.sources if may_share else None, size, dim)
        source_rows = self.source_size - (self.inserted is not None)
        sources = self._find(names.sources, names.targets if may_share else None, source_rows, dim)
        is_one = self.inserted is None and are_equal(sources.tensor, targets.tensor)
        ties = self.architecture.ties_output
        output = self._find(names.output, targets.name if ties else None, size, dim)
        is_tied = are_equal(output.tensor, targets.tensor)
        bias = names.output_bias
        tensors = {**tensors, weights.TARGETS: targets}
        if not is_one:
            tensors[weights.SOURCES] = self._with_inserted(sources)
        if not is_tied:
            tensors[weights.OUTPUT] = output
        if bias in self.stored:
            tensors[weights.OUTPUT_BIAS] = Stored(bias, self.stored[bias])
        elif self.architecture.biases["generator"]:
            self.problems.append(f"{bias} is missing")
        return (
            replace(
                config,
                source_vocabulary_size=None if is_one else self.source_size,
                tied_output=is_tied,
            ),
            tensors,
        )

    def _find(self, name: str, instead: str | None, *shape: int) -> Stored:
        """A tensor, or the one that it may be tied to; zeros where neither is there."""
        for each in (name, instead):
            if each is not None and each in self.stored:
                return Stored(each, self.stored[each])
        self.problems.append(f"{name} is missing")
        return Stored(name, torch.zeros(shape))

    def _with_inserted(self, sources: Stored) -> Stored:
        place, table = self.inserted, sources.tensor
        if place is None or table.ndim != 2:  # noqa: PLR2004 - (vocabulary, dim)
            return sources
        row = table.new_zeros(1, table.shape[1])
        return Stored(sources.name, torch.cat([table[:place], row, table[place:]]))

    def _positions(self, dim: int) -> Positions:
        """As long as the shorter table of the two."""
        kind = self.architecture.positions
        find = self._learned if kind == "Learned" else self._sinusoids
        tables = [find(name, dim) for name in self.names.positions[kind]]
        rows = min(MOST_POSITIONS, *(len(each.tensor) for each in tables))
        sources, targets = (Stored(each.name, each.tensor[:rows]) for each in tables)
        return Positions(sources, targets)

    def _learned(self, name: str, dim: int) -> Stored:
        first, shape = self.architecture.first_position, (self.architecture.learned_positions, dim)
        table = self.stored.get(name)
        if table is None or table.shape != shape:
            found = "is missing" if table is None else f"has shape {tuple(table.shape)}"
            self.problems.append(f"{name} {found}; {shape} is needed")
            table = torch.zeros(shape)
        return Stored(name, table[first:])

    def _sinusoids(self, name: str, dim: int) -> Stored:
        """The stored table, which the toolkits use as it is; computed where there is none."""
        table = self.stored.get(name)
        if table is None:
            is_interleaved = self.architecture.positions == "SinusoidalInterleaved"
            table = (
                interleaved_sinusoids(SINUSOIDAL_POSITIONS, dim)
                if is_interleaved
                else fairseq_sinusoids(SINUSOIDAL_POSITIONS, dim, first=0)
            )
            return Stored(name, table)
        if table.ndim != 3 or table.shape[1:] != (1, dim) or len(table) < 2:  # noqa: PLR2004
            self.problems.append(f"{name} has shape {tuple(table.shape)}; (rows, 1, {dim}) needed")
            table = torch.zeros(2, 1, dim)
        return Stored(name, table[:, 0])


def embedding_scale(kind: PositionKind, dim: int) -> float:
    """What embeddings are multiplied by: sinusoids are added to larger ones."""
    return 1.0 if kind == "Learned" else math.sqrt(dim)
