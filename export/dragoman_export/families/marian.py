"""Imports Marian checkpoints (OPUS-MT and its kind) in Hugging Face's layout.

Source of the architecture: Junczys-Dowmunt et al. 2018, "Marian: Fast Neural Machine Translation in
C++", as mapped by transformers' `MarianMTModel`. Post-norm, sinusoidal positions, one vocabulary
for both languages whose embedding is also the output projection.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from dragoman.v1.bundle_pb2 import SpecialTokens
from dragoman_export.checkpoints import Checkpoint, Settings
from dragoman_export.errors import CheckpointError
from dragoman_export.families.marian_settings import (
    SPECIAL_TOKENS,
    max_decoding_length,
    plain_settings,
    shares_embedding,
    transformer_config,
    vocabulary_sizes,
)
from dragoman_export.families.marian_tokens import (
    UNKNOWN_PIECE,
    make_tokenizer,
    read_tokens,
    read_vocabularies,
    vocabulary_problems,
)
from dragoman_export.families.marian_weights import (
    Embeddings,
    find_embeddings,
    load_weights,
    misfit,
    sinusoidal_positions,
    size_problems,
)
from dragoman_export.model import ImportedModel
from dragoman_export.network import Transformer, TransformerConfig

FAMILY = "marian"

SUPPRESSED_BIAS = -1e9
"""Output bias of what is never generated: its probability is 0 in float32."""


def import_marian(checkpoint: Checkpoint) -> ImportedModel:
    """Maps a Marian checkpoint onto the canonical Transformer.

    Raises:
        CheckpointError: With every tokenizer file that is missing, every setting that is not
            supported, every tensor that is missing or misshapen.
    """
    vocabularies = read_vocabularies(checkpoint)
    settings, problems = plain_settings(checkpoint)
    suppressed = _suppressed_ids(checkpoint, settings.get("eos_token_id"))
    problems += [
        *_id_problems(settings, suppressed),
        *vocabulary_problems(checkpoint, vocabularies, settings),
        *_language_problems(checkpoint.tokenizer_config),
    ]
    if problems:
        what = f"{checkpoint.path} is not a Marian checkpoint that can be exported:"
        raise CheckpointError.listing(what, problems)
    embeddings = find_embeddings(checkpoint.tensors, shared=shares_embedding(settings))
    config = transformer_config(settings, embeddings)
    tokens = read_tokens(checkpoint, vocabularies, settings["vocab_size"])
    transformer = _filled(checkpoint, config, embeddings)
    _suppress(transformer, suppressed)
    special = SpecialTokens(
        decoder_start_id=settings["decoder_start_token_id"],
        end_id=settings["eos_token_id"],
        unknown_id=tokens.vocabulary[UNKNOWN_PIECE],
        suppressed_ids=suppressed,
    )
    return ImportedModel(
        family=FAMILY,
        transformer=transformer,
        tokenizer=make_tokenizer(checkpoint.path, tokens, special, settings["pad_token_id"]),
        vocabulary=tokens.vocabulary,
        decoder_start_id=special.decoder_start_id,
        end_id=special.end_id,
        pad_id=settings["pad_token_id"],
        unknown_id=special.unknown_id,
        suppressed_ids=suppressed,
        max_decoding_length=max_decoding_length(checkpoint, config.max_positions),
        reference_settings={"tie_word_embeddings": True},
        source_language=checkpoint.tokenizer_config.get("source_lang"),
        target_language=checkpoint.tokenizer_config.get("target_lang"),
    )


def position_table(positions: int, dim: int) -> Tensor:
    """Sinusoidal positions (positions, dim): sines in the first half, cosines in the second.

    Source: Vaswani et al. 2017, section 3.5, in Marian's order of columns. In float64 until the
    end, as transformers does it.
    """
    frequencies = 1 / 10000 ** (torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angles = torch.arange(positions, dtype=torch.float64)[:, None] * frequencies
    return torch.cat([angles.sin(), angles[:, : dim // 2].cos()], dim=1).float()


def _filled(
    checkpoint: Checkpoint, config: TransformerConfig, embeddings: Embeddings
) -> Transformer:
    if problems := [*size_problems(config, checkpoint.tensors)]:
        raise misfit(checkpoint, problems)
    sinusoids = position_table(config.max_positions, config.model_dim)
    positions = sinusoidal_positions(checkpoint.tensors, sinusoids)
    transformer = Transformer.empty(replace(config, own_positions=positions.differ))
    load_weights(transformer, checkpoint, embeddings, positions)
    return transformer


def _language_problems(tokenizer_config: Settings) -> Iterator[str]:
    for name in ("source_lang", "target_lang"):
        if not isinstance(tokenizer_config.get(name), str | None):
            yield f"{name} is {tokenizer_config[name]!r} in tokenizer_config.json; text is needed"


def _id_problems(config: Settings, suppressed: Sequence[int]) -> Iterator[str]:
    sizes = vocabulary_sizes(config)
    special = {name: config.get(name) for name in SPECIAL_TOKENS}
    for name, token_id in [*special.items(), *(("bad_words_ids", word) for word in suppressed)]:
        size = sizes.targets if name == "bad_words_ids" else min(sizes)
        if size and isinstance(token_id, int) and not 0 <= token_id < size:
            yield f"{name} {token_id} lies outside the vocabulary of {size}"


def _suppressed_ids(checkpoint: Checkpoint, end_id: object) -> tuple[int, ...]:
    """Single tokens among `bad_words_ids`, the end token never, as in `generate`."""
    # Where there are generation settings, transformers looks at no others.
    words = (checkpoint.generation_config or checkpoint.config).get("bad_words_ids")
    if words is None:
        return ()
    if not isinstance(words, list) or not all(map(_is_single_token, words)):
        raise CheckpointError(
            f"bad_words_ids is {words!r}; only a list of single tokens is supported"
        )
    return tuple(word[0] for word in words if word[0] != end_id)


def _is_single_token(word: object) -> bool:
    return isinstance(word, list) and len(word) == 1 and type(word[0]) is int


def _suppress(transformer: Transformer, suppressed: tuple[int, ...]) -> None:
    bias = transformer.decoder.head.bias
    assert isinstance(bias, Tensor)
    bias.data[list(suppressed)] = SUPPRESSED_BIAS
    bias.data[transformer.config.vocabulary_size :] = SUPPRESSED_BIAS
