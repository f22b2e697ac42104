"""Imports the native layout: tensors under the names that the canonical Transformer has for them.

docs/native-layout.md describes it. For models of toolkits that we do not know, and for whoever
would rather write a file than an importer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

from torch import Tensor

from dragoman_export.checkpoints import Settings, read_settings, read_weights, refuse_pointers
from dragoman_export.errors import Problems
from dragoman_export.families.described import (
    IDS,
    TABLES,
    UNKNOWN_SIZES,
    Description,
    VocabularySizes,
    find_positions,
    imported,
    read_description,
)
from dragoman_export.families.described_tokens import read_tokenizer
from dragoman_export.families.fields import Fields
from dragoman_export.families.suppressed import Suppressed
from dragoman_export.families.weights import (
    POSITIONS,
    RELATIVE_POSITIONS,
    Stored,
    Tensors,
    plan,
    require_sizes,
)
from dragoman_export.model import ImportedModel
from dragoman_export.network import Activation, TransformerConfig

DESCRIPTION, WEIGHTS = "dragoman.json", "model.safetensors"

FAMILY = "native"

VERSION = 1
"""Of the layout."""

SIZES = (
    "encoder_layers",
    "decoder_layers",
    "model_dim",
    "encoder_heads",
    "decoder_heads",
    "encoder_hidden_dim",
    "decoder_hidden_dim",
    "vocabulary_size",
)
"""Whole numbers from 1 that must be there."""

MORE_SIZES = ("source_vocabulary_size", "head_dim")
"""Those that may be there."""

SWITCHES = (
    "norm_first",
    "norm_both",
    "final_norm",
    "embedding_norm",
    "rms_norm",
    "recurrent",
    "recurrent_output",
    "gated",
    "relative_positions",
)

ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)


def import_native(path: Path) -> ImportedModel:
    """Maps a folder in the native layout onto the canonical Transformer.

    Raises:
        CheckpointError: With every setting that is wrong, all of the tokenizer that does not fit,
            and every tensor that is missing or misshapen.
    """
    problems = Problems()
    fields = Fields(read_settings(path / DESCRIPTION))
    fields.whole("version", least=VERSION, most=VERSION)
    config, needs_biases = _read_config(fields), fields.flag("biases", default=True)
    scales_attention = fields.flag("scaled_attention", default=True)
    description = read_description(fields)
    fields.refuse_rest()
    has_sizes = fields.are_good(*SIZES, *MORE_SIZES, *SWITCHES, *TABLES, "biases")
    if has_sizes:
        differing = [*_head_problems(config), *_switch_problems(config)]
        fields.problems += differing
        has_sizes = not differing
    sizes = _vocabulary_sizes(config, fields)
    fields.problems += description.id_problems(sizes)
    problems.note(f"{path / DESCRIPTION} describes no model that can be exported:", fields.problems)
    with problems.noted():
        tokens = read_tokenizer(path, description, sizes)
        if fields.are_good(*IDS):
            tokenizer = tokens.tokenizer(path, description)
    with problems.noted():
        refuse_pointers([path / WEIGHTS])
        weights = read_weights([path / WEIGHTS])
        if has_sizes:
            config, stored, found = _fitted(config, description, weights.tensors, path)
            blueprint = plan(
                config,
                stored,
                path,
                problems=found,
                needs_biases=needs_biases,
                scales_attention=scales_attention,
                finish=Suppressed(description.suppressed_ids).apply,
            )
    problems.require_none()
    return imported(FAMILY, description, blueprint, tokenizer, weights.sha256)


def _fitted(
    config: TransformerConfig, description: Description, tensors: Mapping[str, Tensor], path: Path
) -> tuple[TransformerConfig, dict[str, Stored], list[str]]:
    """The config with what weights say, these with positions, and what is wrong with positions.

    Raises:
        CheckpointError: The weights have other sizes.
    """
    config = replace(config, embedding_scale=description.scale(config.model_dim))
    stored = {name: Stored(name, tensor) for name, tensor in tensors.items()}
    tables = [stored.pop(name, None) for name in POSITIONS]
    require_sizes(config, stored, path)
    if config.relative_positions:
        config = replace(config, max_positions=_furthest(stored))
        problems = [
            f"{table.name} has no place beside relative_positions" for table in tables if table
        ]
        return config, stored, problems
    positions = find_positions(description, tables[0], tables[1], config.model_dim)
    config = replace(
        config, max_positions=len(positions.sources.tensor), own_positions=positions.differ
    )
    return config, stored | positions.native_tensors(), [*positions.problems]


def _vocabulary_sizes(config: TransformerConfig, fields: Fields) -> VocabularySizes:
    if not fields.are_good("vocabulary_size", "source_vocabulary_size"):
        return UNKNOWN_SIZES
    targets = config.vocabulary_size
    return VocabularySizes(config.source_vocabulary_size or targets, targets)


def _read_config(fields: Fields) -> TransformerConfig:
    """Sizes and switches; those of positions and embeddings' scale are found later."""
    sizes: Settings = {name: fields.whole(name, least=1) for name in SIZES}
    switches: Settings = {name: fields.flag(name, default=False) for name in SWITCHES}
    activation = fields.choice("activation", ACTIVATIONS, ACTIVATIONS[0])
    return TransformerConfig(
        **sizes,
        **switches,
        source_vocabulary_size=fields.whole_or_none("source_vocabulary_size", least=1),
        head_dim=fields.whole_or_none("head_dim", least=1),
        tied_output=fields.flag("tied_output", default=True),
        activation=next(each for each in ACTIVATIONS if each == activation),
        norm_epsilon=fields.number("norm_epsilon", 1e-5),
        max_positions=1,
    )


def _furthest(stored: Tensors) -> int:
    """Tokens that the table of distances reaches; a few where there is none, which is told."""
    table = stored.get(RELATIVE_POSITIONS[1])
    return max(2, len(table.tensor)) if table is not None and table.tensor.ndim else 2


def _switch_problems(config: TransformerConfig) -> Iterator[str]:
    if config.norm_both and not config.norm_first:
        yield "norm_both is true and norm_first is not; a norm of the sum alone is the default"
    if config.recurrent_output and not config.recurrent:
        yield "recurrent_output is true and recurrent is not"
    if config.recurrent and config.relative_positions:
        yield "recurrent and relative_positions are both true; a recurrent decoder has no distances"


def _head_problems(config: TransformerConfig) -> list[str]:
    if config.head_dim is not None:
        return []
    heads = {"encoder_heads": config.encoder_heads, "decoder_heads": config.decoder_heads}
    return [
        f"model_dim {config.model_dim} cannot be divided among {number} heads ({name})"
        for name, number in heads.items()
        if config.model_dim % number
    ]
