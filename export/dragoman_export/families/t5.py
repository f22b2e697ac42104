"""Imports T5 and what came after it: T5 1.1, FLAN, mT5, ByT5, MADLAD-400.

Source of the architecture: Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a
Unified Text-to-Text Transformer"; its version 1.1 and mT5 (Xue et al. 2021) with gated activations
(Shazeer 2020, "GLU Variants Improve Transformer"); as mapped by transformers'
`T5ForConditionalGeneration`.
"""

from dragoman_export.checkpoints import TOKENIZER_SETTINGS, Checkpoint, tidied
from dragoman_export.errors import Problems
from dragoman_export.families.bart_settings import has_ids, id_problems, max_decoding_length
from dragoman_export.families.suppressed import Suppressed, read_suppressed
from dragoman_export.families.t5_settings import T5Settings, read_settings
from dragoman_export.families.t5_tensors import find_embeddings, native_tensors
from dragoman_export.families.t5_tokens import read_tokens
from dragoman_export.families.weights import plan, require_sizes
from dragoman_export.model import Blueprint, ImportedModel, OwnLibrary
from dragoman_export.verification import ReferenceTokenizer

FAMILY = "t5"


def import_t5(checkpoint: Checkpoint) -> ImportedModel:
    """Maps a T5 checkpoint onto the canonical Transformer.

    Raises:
        CheckpointError: With every setting that is not supported, all that is wrong with the
            tokenizer, and every tensor that is missing or misshapen.
    """
    problems = Problems()
    settings, found = read_settings(checkpoint)
    suppressed, more = read_suppressed(checkpoint, settings.special.get("eos_token_id"))
    what = f"{checkpoint.path} is not a T5 checkpoint that can be exported:"
    problems.note(what, [*found, *more, *id_problems(settings.special, suppressed.ids)])
    with problems.noted():
        checkpoint.require_fetched()
        with tidied(checkpoint.path, TOKENIZER_SETTINGS if problems else None) as tidy:
            own = ReferenceTokenizer(tidy)
            if has_ids(settings.special, suppressed.ids):
                tokens = read_tokens(checkpoint, own, settings, suppressed.ids)
    with problems.noted():
        weights = checkpoint.weights
        if settings.has_sizes:
            blueprint = build(checkpoint, settings, suppressed)
    problems.require_none()
    special = settings.special
    return ImportedModel(
        family=FAMILY,
        blueprint=blueprint,
        tokenizer=tokens.tokenizer,
        decoder_start_id=special["decoder_start_token_id"],
        end_id=special["eos_token_id"],
        unknown_id=tokens.unknown_id,
        suppressed_ids=suppressed.ids,
        suppressed_sequences=suppressed.sequences,
        max_decoding_length=max_decoding_length(checkpoint, settings.max_positions),
        weights_sha256=weights.sha256,
        own_library=OwnLibrary(special["pad_token_id"]),
        targets=tokens.targets,
        source_language=tokens.source_language,
    )


def build(checkpoint: Checkpoint, settings: T5Settings, suppressed: Suppressed) -> Blueprint:
    """The model of settings that have sizes.

    Raises:
        CheckpointError: With everything of the weights that does not fit them.
    """
    embeddings = find_embeddings(checkpoint.tensors)
    config = settings.transformer_config(embeddings)
    tensors, problems = native_tensors(checkpoint.tensors, embeddings, settings)
    require_sizes(config, tensors, checkpoint.path)
    return plan(
        config,
        tensors,
        checkpoint.path,
        problems=problems,
        needs_biases=False,
        scales_attention=False,
        finish=suppressed.apply,
    )
