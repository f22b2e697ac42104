"""Imports Transformers that CTranslate2's converters wrote, as they are deployed.

The checkpoint that such a model was converted from is not needed. Integer weights become floats,
exactly as CTranslate2 makes them where it computes in float32.
"""

from dataclasses import replace
from pathlib import Path

from dragoman_export.checkpoints.ctranslate2_file import CTranslate2File, read_ctranslate2
from dragoman_export.errors import Problems
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
from dragoman_export.families.ctranslate2_tokens import read_tokens, require_tokenizer
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
    problems = Problems()
    with problems.noted():
        file = read_ctranslate2(path / MODEL)
        require_spec(file)
    with problems.noted():
        vocabularies = read_vocabularies(path)
    if problems:
        with problems.noted():
            require_tokenizer(path, None)
    problems.require_none()
    steering, found = read_config(file)
    sizes, more = find_sizes(file)
    found += more
    architecture, ids, zero_start = None, None, None
    if sizes is not None:
        epsilon = None if steering is None else steering.norm_epsilon
        architecture, more = read_architecture(
            file, sizes, tied_output=is_tied(file), norm_epsilon=epsilon
        )
        found += [*more, *_other_sizes(vocabularies, sizes)]
    if sizes is not None and architecture is not None:
        found += misfits(file, architecture, sizes)
        zero_start = sizes.vocabulary if architecture.starts_from_zero else None
    if architecture is not None and steering is not None:
        ids, more = find_ids(vocabularies, steering, zero_start)
        found += more
    problems.note(f"{path} is not a CTranslate2 model that can be exported:", found)
    suppressed = Suppressed(() if zero_start is None else (zero_start,))
    with problems.noted():
        require_tokenizer(path, vocabularies)
        if steering is not None and ids is not None:
            tokens = read_tokens(path, vocabularies, steering, ids, suppressed.ids)
    problems.require_none()
    assert architecture is not None
    assert sizes is not None
    assert ids is not None
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
