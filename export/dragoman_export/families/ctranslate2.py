"""Imports Transformers that CTranslate2's converters wrote, as they are deployed.

The checkpoint that such a model was converted from is not needed. Integer weights become floats,
exactly as CTranslate2 makes them where it computes in float32.
"""

from dataclasses import replace
from pathlib import Path

from dragoman_export.checkpoints.ctranslate2_file import CTranslate2File, read_ctranslate2
from dragoman_export.errors import CheckpointError
from dragoman_export.families.ctranslate2_config import read_config
from dragoman_export.families.ctranslate2_positions import find_positions, relative_tables
from dragoman_export.families.ctranslate2_settings import (
    Architecture,
    Sizes,
    read_architecture,
    require_spec,
)
from dragoman_export.families.ctranslate2_tensors import (
    find_sizes,
    is_tied,
    misfits,
    native_tensors,
)
from dragoman_export.families.ctranslate2_tokens import read_tokens
from dragoman_export.families.ctranslate2_vocabularies import (
    Vocabularies,
    find_ids,
    read_vocabularies,
)
from dragoman_export.families.suppressed import Suppressed
from dragoman_export.families.weights import plan, require_sizes
from dragoman_export.model import Blueprint, ImportedModel

FAMILY = "ctranslate2"

MODEL = "model.bin"

MAX_DECODING_LENGTH = 256
"""CTranslate2's own where nobody says another."""


def import_ctranslate2(path: Path) -> ImportedModel:
    """Maps the model in a folder onto the canonical Transformer.

    Raises:
        CheckpointError: With everything that is missing, damaged or not supported.
    """
    file = read_ctranslate2(path / MODEL)
    require_spec(file)
    vocabularies = read_vocabularies(path)
    steering, problems = read_config(file)
    sizes, more = find_sizes(file)
    problems += more
    if sizes is None or steering is None:
        raise _unusable(path, problems)
    architecture, more = read_architecture(
        file, sizes, tied_output=is_tied(file), norm_epsilon=steering.norm_epsilon
    )
    problems += [*more, *_other_sizes(vocabularies, sizes)]
    if architecture is None:
        raise _unusable(path, problems)
    problems += misfits(file, architecture, sizes)
    zero_start = sizes.vocabulary if architecture.starts_from_zero else None
    ids, more = find_ids(vocabularies, steering, zero_start)
    problems += more
    if problems or ids is None:
        raise _unusable(path, problems)
    suppressed = Suppressed(() if zero_start is None else (zero_start,))
    tokens = read_tokens(path, vocabularies, steering, ids, suppressed.ids)
    blueprint = _build(file, architecture, sizes, suppressed)
    forced = max(len(each.target_prefix_ids) for each in (tokens.any_target, *tokens.targets))
    longest = blueprint.config.max_positions - 1 - forced
    return ImportedModel(
        family=FAMILY,
        blueprint=blueprint,
        tokenizer=tokens.tokenizer,
        decoder_start_id=tokens.start_id,
        end_id=ids.end,
        unknown_id=ids.unknown,
        suppressed_ids=suppressed.ids,
        max_decoding_length=max(1, min(MAX_DECODING_LENGTH, longest)),
        weights_sha256=file.sha256,
        sources=tokens.sources,
        targets=tokens.targets,
        any_source=tokens.any_source,
        any_target=tokens.any_target,
        source_language=tokens.source_language,
    )


def _build(
    file: CTranslate2File, architecture: Architecture, sizes: Sizes, suppressed: Suppressed
) -> Blueprint:
    tensors = native_tensors(file, architecture, sizes)
    config = architecture.config
    require_sizes(config, tensors, file.path)
    if config.relative_positions:
        tensors |= relative_tables(file, config)
    else:
        positions = find_positions(file, sizes)
        config = replace(config, own_positions=positions.differ)
        tensors |= positions.native_tensors()
    return plan(
        config,
        tensors,
        file.path,
        needs_biases=False,
        scales_attention=architecture.scales_attention,
        finish=suppressed.apply,
    )


def _other_sizes(vocabularies: Vocabularies, sizes: Sizes) -> list[str]:
    rows = {
        "source": (len(vocabularies.sources), sizes.source_vocabulary or sizes.vocabulary),
        "target": (len(vocabularies.targets), sizes.vocabulary),
    }
    return [
        f"the {kind} vocabulary has {tokens} tokens and the embedding {size} rows"
        for kind, (tokens, size) in rows.items()
        if tokens != size
    ]


def _unusable(path: Path, problems: list[str]) -> CheckpointError:
    return CheckpointError.listing(
        f"{path} is not a CTranslate2 model that can be exported:", problems
    )
