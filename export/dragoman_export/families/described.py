"""What a user says of a model of his own that no weights say: tokens, languages, positions, limits.

The settings that the native layout and that of nn.Transformer have in common. Knows their names and
defaults; does not know tensors' names or the tokenizer's files.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from dragoman_export.checkpoints import CheckpointTokenizer
from dragoman_export.families.bart_settings import DEFAULT_MAX_LENGTH, MOST_POSITIONS
from dragoman_export.families.fields import LARGEST, Fields
from dragoman_export.families.positions import (
    Positions,
    interleaved_sinusoids,
    is_rounded,
    sinusoids,
)
from dragoman_export.families.weights import Stored
from dragoman_export.model import Blueprint, ImportedModel, Source, Target

STORED = "stored"

SINUSOIDS = {"interleaved": interleaved_sinusoids, "halves": sinusoids}
"""Tables that are computed, by the order of their columns."""

DEFAULT_POSITIONS = 512
"""Of a table that is computed."""

SCALE_BY_WIDTH = "sqrt(model_dim)"
"""Stands for the number."""


IDS = ("decoder_start_id", "end_id", "unknown_id", "pad_id")
"""Settings without which tokens cannot be judged."""

TABLES = ("positions", "max_positions")
"""Settings without which a table of positions cannot."""


class VocabularySizes(NamedTuple):
    """Tokens that the model has embeddings of."""

    sources: int
    targets: int


UNKNOWN_SIZES = VocabularySizes(LARGEST, LARGEST)
"""Where nothing says how many: no token lies outside."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """The settings, under the names that they have in the file."""

    decoder_start_id: int
    end_id: int
    unknown_id: int
    pad_id: int | None
    suppressed_ids: tuple[int, ...]

    any_source: Source
    any_target: Target
    sources: Sequence[Source]
    targets: Sequence[Target]
    source_language: str | None
    target_language: str | None

    positions: str
    max_positions: int | None
    max_decoding_length: int | None

    embedding_scale: float | None
    """None is the square root of the model's width."""

    def scale(self, model_dim: int) -> float:
        """What embeddings are multiplied by."""
        return math.sqrt(model_dim) if self.embedding_scale is None else self.embedding_scale

    @property
    def source_ids(self) -> set[int]:
        """What steers the model, among the tokens of sources."""
        told = [self.any_source, *self.sources]
        around = {i for each in told for i in (*each.prefix_ids, *each.suffix_ids)}
        named = {i for each in self.targets for i in each.source_prefix_ids}
        return {self.end_id, *self._padding, *around, *named}

    @property
    def target_ids(self) -> set[int]:
        """Likewise, among those of targets."""
        told = {i for each in (self.any_target, *self.targets) for i in each.target_prefix_ids}
        return {self.decoder_start_id, self.end_id, *self._padding, *self.suppressed_ids, *told}

    @property
    def forced(self) -> int:
        """Most tokens that a translation begins with."""
        return max(len(each.target_prefix_ids) for each in (self.any_target, *self.targets))

    @property
    def _padding(self) -> tuple[int, ...]:
        return () if self.pad_id is None else (self.pad_id,)

    def id_problems(self, sizes: VocabularySizes) -> Iterator[str]:
        """Tokens that the model has no embeddings of."""
        for side, size, ids in (
            ("sources", sizes.sources, self.source_ids | {self.unknown_id}),
            ("targets", sizes.targets, self.target_ids | {self.unknown_id}),
        ):
            if outside := sorted(i for i in ids if i >= size):
                yield f"the tokens {outside} lie outside the vocabulary of {side}, of {size}"


def read_description(fields: Fields) -> Description:
    """Takes the settings; `fields` has their problems."""
    any_source = Source(
        prefix_ids=fields.ids("source_prefix_ids"), suffix_ids=fields.ids("source_suffix_ids")
    )
    max_positions = fields.whole_or_none("max_positions", least=2, most=MOST_POSITIONS)
    return Description(
        decoder_start_id=fields.whole("decoder_start_id"),
        end_id=fields.whole("end_id"),
        unknown_id=fields.whole("unknown_id"),
        pad_id=fields.whole_or_none("pad_id"),
        suppressed_ids=fields.ids("suppressed_ids"),
        any_source=any_source,
        any_target=Target(target_prefix_ids=fields.ids("target_prefix_ids")),
        sources=_sources(fields, any_source),
        targets=_targets(fields),
        source_language=fields.text_or_none("source_language"),
        target_language=fields.text_or_none("target_language"),
        positions=fields.choice("positions", (*SINUSOIDS, STORED), "interleaved"),
        max_positions=max_positions,
        max_decoding_length=fields.whole_or_none("max_decoding_length", least=1),
        embedding_scale=_embedding_scale(fields),
    )


def find_positions(
    description: Description, sources: Stored | None, targets: Stored | None, dim: int
) -> Positions:
    """The tables that the model has, as long as it is to be.

    Args:
        description: Says which they are.
        sources: The table in the file, if there is one: (positions, dim), or the same with a
            dimension of 1 for the batch before or after the first.
        targets: Likewise; where there is one of the two it is both.
        dim: Width of the model.
    """
    kind, named = description.positions, (sources or targets, targets or sources)
    found = [Stored(each.name, _plain(each.tensor)) for each in named if each is not None]
    shortest = min((len(each.tensor) for each in found if each.tensor.ndim), default=0)
    rows = description.max_positions or shortest or DEFAULT_POSITIONS
    exact = SINUSOIDS[kind](rows, dim) if kind in SINUSOIDS else torch.zeros(rows, dim)
    problems = [*dict.fromkeys(_table_problems(kind, found, exact))]
    if problems or not found:
        found = [Stored("positions", exact)] * 2
    tables = [Stored(each.name, each.tensor[:rows]) for each in found]
    return Positions(tables[0], tables[1], problems)


def imported(
    family: str,
    description: Description,
    blueprint: Blueprint,
    tokenizer: CheckpointTokenizer,
    weights_sha256: str,
) -> ImportedModel:
    """The model with all that the user says of it."""
    longest = blueprint.config.max_positions - 1 - description.forced
    length = min(description.max_decoding_length or DEFAULT_MAX_LENGTH, longest)
    return ImportedModel(
        family=family,
        blueprint=blueprint,
        tokenizer=tokenizer,
        decoder_start_id=description.decoder_start_id,
        end_id=description.end_id,
        unknown_id=description.unknown_id,
        suppressed_ids=description.suppressed_ids,
        max_decoding_length=max(1, length),
        weights_sha256=weights_sha256,
        sources=description.sources,
        targets=description.targets,
        any_source=description.any_source,
        any_target=description.any_target,
        source_language=description.source_language,
        target_language=description.target_language,
    )


def _sources(fields: Fields, any_source: Source) -> list[Source]:
    sources = []
    for name, own in fields.sections("source_languages").items():
        prefix = own.ids("prefix_ids", any_source.prefix_ids)
        suffix = own.ids("suffix_ids", any_source.suffix_ids)
        own.refuse_rest()
        sources.append(Source(name, name, prefix, suffix))
    return sources


def _targets(fields: Fields) -> list[Target]:
    targets = []
    for name, own in fields.sections("target_languages").items():
        told = own.ids("source_prefix_ids"), own.ids("target_prefix_ids")
        own.refuse_rest()
        targets.append(Target(name, name, *told))
    return targets


def _embedding_scale(fields: Fields) -> float | None:
    if fields.says("embedding_scale", SCALE_BY_WIDTH):
        return None
    return fields.number("embedding_scale", 1.0)


def _plain(table: torch.Tensor) -> torch.Tensor:
    """Without a dimension for the batch."""
    is_batched = table.ndim == 3 and 1 in table.shape[:2]  # noqa: PLR2004 - (rows, 1, dim)
    return table.flatten(0, 1) if is_batched else table


def _table_problems(kind: str, found: Sequence[Stored], exact: torch.Tensor) -> Iterator[str]:
    rows, dim = exact.shape
    if kind == STORED and not found:
        yield "positions are stored; no tensor of them is named or there"
    for name, table in found:
        if table.ndim != 2 or table.shape[1] != dim or len(table) < rows:  # noqa: PLR2004
            yield f"{name} has shape {tuple(table.shape)}; {tuple(exact.shape)} is needed"
        elif kind != STORED and not is_rounded(table[:rows], exact):
            yield f"{name} is not the sinusoidal table that {kind!r} says; is it {STORED!r}?"
