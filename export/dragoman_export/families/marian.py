"""Imports Marian checkpoints (OPUS-MT and its kind) in Hugging Face's layout.

Source of the architecture: Junczys-Dowmunt et al. 2018, "Marian: Fast Neural Machine Translation in
C++", as mapped by transformers' `MarianMTModel`. Post-norm, sinusoidal positions, one vocabulary
for both languages whose embedding is also the output projection.
"""

from collections.abc import Iterator

from dragoman.v1.bundle_pb2 import SpecialTokens
from dragoman_export.checkpoints import TOKENIZER_SETTINGS, Checkpoint, Settings
from dragoman_export.errors import CheckpointError, Problems
from dragoman_export.families.bart import TIED, build, read_settings
from dragoman_export.families.bart_settings import (
    MARIAN,
    has_ids,
    has_sizes,
    max_decoding_length,
)
from dragoman_export.families.marian_tokens import (
    UNKNOWN_PIECE,
    Vocabularies,
    find_targets,
    make_tokenizer,
    read_tokens,
    read_vocabularies,
    vocabulary_problems,
)
from dragoman_export.model import ImportedModel, OwnLibrary

FAMILY = "marian"


def import_marian(checkpoint: Checkpoint) -> ImportedModel:
    """Maps a Marian checkpoint onto the canonical Transformer.

    Raises:
        CheckpointError: With every tokenizer file that is missing, every setting that is not
            supported, every tensor that is missing or misshapen.
    """
    problems = Problems()
    settings, suppressed = read_settings(checkpoint, MARIAN, problems)
    with problems.noted():
        checkpoint.require_fetched()
        vocabularies = read_vocabularies(checkpoint)
        _require_fit(checkpoint, vocabularies, settings)
        if has_ids(settings, suppressed.ids):
            kept = TOKENIZER_SETTINGS if problems else None
            tokens = read_tokens(checkpoint, vocabularies, settings["vocab_size"], kept)
            special = SpecialTokens(
                decoder_start_id=settings["decoder_start_token_id"],
                end_id=settings["eos_token_id"],
                unknown_id=tokens.vocabulary[UNKNOWN_PIECE],
                suppressed_ids=suppressed.ids,
            )
            pad_id = settings["pad_token_id"]
            tokenizer = make_tokenizer(checkpoint.path, tokens, special, pad_id)
    with problems.noted():
        weights = checkpoint.weights
        if has_sizes(settings):
            blueprint = build(checkpoint, settings, MARIAN, suppressed)
    problems.require_none()
    return ImportedModel(
        family=FAMILY,
        blueprint=blueprint,
        tokenizer=tokenizer,
        decoder_start_id=special.decoder_start_id,
        end_id=special.end_id,
        unknown_id=special.unknown_id,
        suppressed_ids=suppressed.ids,
        suppressed_sequences=suppressed.sequences,
        max_decoding_length=max_decoding_length(checkpoint, blueprint.config.max_positions),
        weights_sha256=weights.sha256,
        own_library=OwnLibrary(pad_id, TIED),
        targets=find_targets(tokens.vocabulary),
        source_language=checkpoint.tokenizer_config.get("source_lang"),
        target_language=checkpoint.tokenizer_config.get("target_lang"),
    )


def _require_fit(checkpoint: Checkpoint, vocabularies: Vocabularies, settings: Settings) -> None:
    """Raises CheckpointError with what of the tokenizer's files is not as it must be."""
    problems = [
        *vocabulary_problems(checkpoint, vocabularies, settings),
        *_language_problems(checkpoint.tokenizer_config),
    ]
    if problems:
        what = f"the tokenizer of {checkpoint.path} cannot be used:"
        raise CheckpointError.listing(what, problems)


def _language_problems(tokenizer_config: Settings) -> Iterator[str]:
    for name in ("source_lang", "target_lang"):
        if not isinstance(tokenizer_config.get(name), str | None):
            yield f"{name} is {tokenizer_config[name]!r} in tokenizer_config.json; text is needed"
