"""Imports Marian checkpoints (OPUS-MT and its kind) in Hugging Face's layout.

Source of the architecture: Junczys-Dowmunt et al. 2018, "Marian: Fast Neural Machine Translation in
C++", as mapped by transformers' `MarianMTModel`. Post-norm, sinusoidal positions, one vocabulary
for both languages whose embedding is also the output projection.
"""

from collections.abc import Iterator

from dragoman.v1.bundle_pb2 import SpecialTokens
from dragoman_export.checkpoints import Checkpoint, Settings
from dragoman_export.errors import CheckpointError
from dragoman_export.families.bart import TIED, build
from dragoman_export.families.bart_settings import (
    MARIAN,
    id_problems,
    max_decoding_length,
    plain_settings,
)
from dragoman_export.families.marian_tokens import (
    UNKNOWN_PIECE,
    find_targets,
    make_tokenizer,
    read_tokens,
    read_vocabularies,
    vocabulary_problems,
)
from dragoman_export.families.suppressed import read_suppressed
from dragoman_export.model import ImportedModel, OwnLibrary

FAMILY = "marian"


def import_marian(checkpoint: Checkpoint) -> ImportedModel:
    """Maps a Marian checkpoint onto the canonical Transformer.

    Raises:
        CheckpointError: With every tokenizer file that is missing, every setting that is not
            supported, every tensor that is missing or misshapen.
    """
    vocabularies = read_vocabularies(checkpoint)
    settings, problems = plain_settings(checkpoint, MARIAN)
    suppressed = read_suppressed(checkpoint, settings.get("eos_token_id"))
    problems += [
        *id_problems(settings, suppressed.ids),
        *vocabulary_problems(checkpoint, vocabularies, settings),
        *_language_problems(checkpoint.tokenizer_config),
    ]
    if problems:
        what = f"{checkpoint.path} is not a Marian checkpoint that can be exported:"
        raise CheckpointError.listing(what, problems)
    tokens = read_tokens(checkpoint, vocabularies, settings["vocab_size"])
    blueprint = build(checkpoint, settings, MARIAN, suppressed)
    special = SpecialTokens(
        decoder_start_id=settings["decoder_start_token_id"],
        end_id=settings["eos_token_id"],
        unknown_id=tokens.vocabulary[UNKNOWN_PIECE],
        suppressed_ids=suppressed.ids,
    )
    return ImportedModel(
        family=FAMILY,
        blueprint=blueprint,
        tokenizer=make_tokenizer(checkpoint.path, tokens, special, settings["pad_token_id"]),
        decoder_start_id=special.decoder_start_id,
        end_id=special.end_id,
        unknown_id=special.unknown_id,
        suppressed_ids=suppressed.ids,
        suppressed_sequences=suppressed.sequences,
        max_decoding_length=max_decoding_length(checkpoint, blueprint.config.max_positions),
        weights_sha256=checkpoint.weights_sha256,
        own_library=OwnLibrary(settings["pad_token_id"], TIED),
        targets=find_targets(tokens.vocabulary),
        source_language=checkpoint.tokenizer_config.get("source_lang"),
        target_language=checkpoint.tokenizer_config.get("target_lang"),
    )


def _language_problems(tokenizer_config: Settings) -> Iterator[str]:
    for name in ("source_lang", "target_lang"):
        if not isinstance(tokenizer_config.get(name), str | None):
            yield f"{name} is {tokenizer_config[name]!r} in tokenizer_config.json; text is needed"
