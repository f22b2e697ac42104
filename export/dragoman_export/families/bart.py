"""Imports BART and its kin in Hugging Face's layout: M2M100 with NLLB, mBART, Pegasus, BART.

Source of the architectures: Lewis et al. 2020, "BART"; Liu et al. 2020, "Multilingual Denoising
Pre-training for Neural Machine Translation"; Fan et al. 2020, "Beyond English-Centric Multilingual
Machine Translation"; NLLB Team 2022, "No Language Left Behind"; Zhang et al. 2020, "PEGASUS"; as
mapped by transformers.
"""

from dataclasses import replace

from dragoman_export.checkpoints import TOKENIZER_SETTINGS, Checkpoint, Settings, tidied
from dragoman_export.errors import Problems
from dragoman_export.families.bart_settings import (
    BART,
    M2M100,
    MBART,
    PEGASUS,
    Kin,
    has_ids,
    has_sizes,
    id_problems,
    max_decoding_length,
    plain_settings,
    shares_embedding,
    transformer_config,
)
from dragoman_export.families.bart_tensors import find_embeddings, native_tensors
from dragoman_export.families.bart_tokens import read_tokens
from dragoman_export.families.suppressed import Suppressed, read_suppressed
from dragoman_export.families.weights import Tensors, plan, require_sizes
from dragoman_export.model import Blueprint, ImportedModel, OwnLibrary
from dragoman_export.network import TransformerConfig
from dragoman_export.verification import ReferenceTokenizer

TIED = {"tie_word_embeddings": True}
"""Lets transformers tie what is not there, and nothing else."""


def import_bart(checkpoint: Checkpoint) -> ImportedModel:
    """Maps a BART checkpoint onto the canonical Transformer; raises as all importers do."""
    return _import(checkpoint, "bart", BART)


def import_m2m100(checkpoint: Checkpoint) -> ImportedModel:
    """Maps an M2M100 or NLLB-200 checkpoint, likewise."""
    return _import(checkpoint, "m2m_100", M2M100)


def import_mbart(checkpoint: Checkpoint) -> ImportedModel:
    """Maps an mBART checkpoint of 25 or 50 languages, likewise."""
    return _import(checkpoint, "mbart", MBART)


def import_pegasus(checkpoint: Checkpoint) -> ImportedModel:
    """Maps a Pegasus checkpoint, likewise."""
    return _import(checkpoint, "pegasus", PEGASUS)


def _import(checkpoint: Checkpoint, family: str, kin: Kin) -> ImportedModel:
    problems = Problems()
    settings, suppressed = read_settings(checkpoint, kin, problems)
    with problems.noted():
        checkpoint.require_fetched()
        with tidied(checkpoint.path, TOKENIZER_SETTINGS if problems else None) as tidy:
            own = ReferenceTokenizer(tidy)
            if has_ids(settings, suppressed.ids):
                tokens = read_tokens(checkpoint, own, settings, suppressed.ids)
    with problems.noted():
        weights = checkpoint.weights
        if has_sizes(settings):
            blueprint = build(checkpoint, settings, kin, suppressed)
    problems.require_none()
    return ImportedModel(
        family=family,
        blueprint=blueprint,
        tokenizer=tokens.tokenizer,
        decoder_start_id=settings["decoder_start_token_id"],
        end_id=settings["eos_token_id"],
        unknown_id=tokens.unknown_id,
        suppressed_ids=suppressed.ids,
        suppressed_sequences=suppressed.sequences,
        max_decoding_length=max_decoding_length(
            checkpoint, blueprint.config.max_positions, forced=tokens.forced
        ),
        weights_sha256=weights.sha256,
        own_library=OwnLibrary(settings["pad_token_id"], TIED),
        sources=tokens.sources,
        targets=tokens.targets,
        any_source=tokens.any_source,
        any_target=tokens.any_target,
        source_language=checkpoint.tokenizer_config.get("source_lang"),
        target_language=checkpoint.tokenizer_config.get("target_lang"),
        default_target=tokens.default_target,
    )


def read_settings(
    checkpoint: Checkpoint, kin: Kin, problems: Problems
) -> tuple[Settings, Suppressed]:
    """See `plain_settings`; notes what is wrong with them in `problems`."""
    settings, found = plain_settings(checkpoint, kin)
    suppressed, more = read_suppressed(checkpoint, settings.get("eos_token_id"))
    what = f"{checkpoint.path} is not a {kin.title} checkpoint that can be exported:"
    problems.note(what, [*found, *more, *id_problems(settings, suppressed.ids)])
    return settings, suppressed


def build(
    checkpoint: Checkpoint, settings: Settings, kin: Kin, suppressed: Suppressed
) -> Blueprint:
    """The model of settings that have sizes.

    Raises:
        CheckpointError: With everything of the weights that does not fit them.
    """
    embeddings = find_embeddings(checkpoint.tensors, shared=shares_embedding(settings))
    config = transformer_config(settings, embeddings, kin)
    tensors = native_tensors(checkpoint.tensors, embeddings)
    return plan_with_positions(checkpoint, settings, kin, config, tensors, suppressed)


def plan_with_positions(  # noqa: PLR0917 - what is known of a model, in the order of finding it
    checkpoint: Checkpoint,
    settings: Settings,
    kin: Kin,
    config: TransformerConfig,
    tensors: Tensors,
    suppressed: Suppressed,
) -> Blueprint:
    """The model of these tensors, under their native names, and of its family's positions.

    Raises:
        CheckpointError: With everything of the weights that does not fit the settings.
    """
    require_sizes(config, tensors, checkpoint.path)
    positions = kin.find_positions(
        checkpoint.tensors, config.max_positions, config.model_dim, settings
    )
    return plan(
        replace(config, own_positions=positions.differ),
        {**tensors, **positions.native_tensors()},
        checkpoint.path,
        problems=positions.problems,
        finish=suppressed.apply,
    )
