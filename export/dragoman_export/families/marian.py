"""Imports Marian checkpoints (OPUS-MT and its kind) in Hugging Face's layout.

Source of the architecture: Junczys-Dowmunt et al. 2018, "Marian: Fast Neural Machine Translation in
C++", as mapped by transformers' `MarianMTModel`. Post-norm, sinusoidal positions, one vocabulary
for both languages whose embedding is also the output projection.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from dragoman_export.checkpoints import Checkpoint, Settings, SourceTokenizer, read_vocabulary
from dragoman_export.errors import CheckpointError
from dragoman_export.families.marian_weights import load_weights
from dragoman_export.model import ImportedModel
from dragoman_export.network import Activation, Transformer, TransformerConfig

ACTIVATIONS: dict[str, Activation] = {
    "relu": "relu",
    "swish": "silu",
    "silu": "silu",
    "gelu": "gelu",
}

FAMILY = "marian"

REQUIRED_VALUES: Settings = {
    "share_encoder_decoder_embeddings": True,
    "tie_word_embeddings": True,
    "static_position_embeddings": True,
    "normalize_before": False,
    "normalize_embedding": False,
    "add_final_layer_norm": False,
}
"""Settings of which we support one value; where a checkpoint says nothing it means this value."""

SPECIAL_TOKENS = ("eos_token_id", "pad_token_id", "decoder_start_token_id")

WHOLE_NUMBERS = (
    "vocab_size",
    "d_model",
    "encoder_layers",
    "decoder_layers",
    "encoder_attention_heads",
    "decoder_attention_heads",
    "encoder_ffn_dim",
    "decoder_ffn_dim",
    "max_position_embeddings",
    *SPECIAL_TOKENS,
)
"""Whole numbers that a checkpoint must state."""

SUPPRESSED_BIAS = -1e9
"""Output bias of what is never generated: its probability is 0 in float32."""

DEFAULT_MAX_LENGTH = 256
"""Tokens of a translation where the checkpoint gives no limit."""

UNKNOWN_PIECE = "<unk>"


def import_marian(checkpoint: Checkpoint) -> ImportedModel:
    """Maps a Marian checkpoint onto the canonical Transformer.

    Raises:
        CheckpointError: With every tokenizer file that is missing, every setting that is not
            supported, every tensor that is missing or misshapen.
    """
    vocabulary = read_vocabulary(checkpoint.path)
    suppressed = _suppressed_ids(checkpoint)
    problems = [
        *_setting_problems(checkpoint.config),
        *_vocabulary_problems(checkpoint.config, vocabulary, suppressed),
    ]
    if problems:
        what = f"{checkpoint.path} is not a Marian checkpoint that can be exported:"
        raise CheckpointError.listing(what, problems)
    config = _transformer_config(checkpoint.config)
    transformer = Transformer.empty(config)
    load_weights(transformer, checkpoint, position_table(config.max_positions, config.model_dim))
    _suppress(transformer, suppressed)
    unknown_id, end_id = vocabulary[UNKNOWN_PIECE], checkpoint.config["eos_token_id"]
    return ImportedModel(
        family=FAMILY,
        transformer=transformer,
        tokenizer=SourceTokenizer(checkpoint.path, vocabulary, unknown_id, end_id),
        vocabulary=vocabulary,
        decoder_start_id=checkpoint.config["decoder_start_token_id"],
        end_id=end_id,
        pad_id=checkpoint.config["pad_token_id"],
        unknown_id=unknown_id,
        suppressed_ids=suppressed,
        max_decoding_length=_max_decoding_length(checkpoint, config.max_positions),
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


def _setting_problems(config: Settings) -> Iterator[str]:
    for name, value in REQUIRED_VALUES.items():
        if config.get(name, value) != value:
            yield f"{name} is {config[name]!r}; only {value!r} is supported"
    for name in WHOLE_NUMBERS:
        if not isinstance(config.get(name), int):
            yield f"{name} is {config.get(name)!r}; a whole number is needed"
    if config.get("activation_function") not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        yield f"activation_function is {config.get('activation_function')!r}; known are {known}"
    if config.get("decoder_vocab_size", config.get("vocab_size")) != config.get("vocab_size"):
        yield "decoder_vocab_size differs from vocab_size; only one vocabulary is supported"
    for name in ("encoder_attention_heads", "decoder_attention_heads"):
        heads, dim = config.get(name), config.get("d_model")
        if isinstance(heads, int) and isinstance(dim, int) and (heads < 1 or dim % heads):
            yield f"d_model {dim} cannot be divided among {heads} heads ({name})"


def _vocabulary_problems(
    config: Settings, vocabulary: dict[str, int], suppressed: Sequence[int]
) -> Iterator[str]:
    if UNKNOWN_PIECE not in vocabulary:
        yield f"vocab.json has no {UNKNOWN_PIECE}"
    size = config.get("vocab_size")
    if not isinstance(size, int):
        return
    if not all(0 <= token_id < size for token_id in vocabulary.values()):
        yield f"vocab.json has ids outside the model's vocabulary of {size}"
    special = {name: config.get(name) for name in SPECIAL_TOKENS}
    for name, token_id in [*special.items(), *(("bad_words_ids", word) for word in suppressed)]:
        if isinstance(token_id, int) and not 0 <= token_id < size:
            yield f"{name} {token_id} lies outside the vocabulary of {size}"


def _transformer_config(config: Settings) -> TransformerConfig:
    return TransformerConfig(
        encoder_layers=config["encoder_layers"],
        decoder_layers=config["decoder_layers"],
        model_dim=config["d_model"],
        encoder_heads=config["encoder_attention_heads"],
        decoder_heads=config["decoder_attention_heads"],
        encoder_hidden_dim=config["encoder_ffn_dim"],
        decoder_hidden_dim=config["decoder_ffn_dim"],
        vocabulary_size=config["vocab_size"],
        max_positions=config["max_position_embeddings"],
        activation=ACTIVATIONS[config["activation_function"]],
        embedding_scale=math.sqrt(config["d_model"]) if config.get("scale_embedding") else 1.0,
    )


def _generation_setting(checkpoint: Checkpoint, name: str) -> object:
    """From generation_config.json or, as older checkpoints have it, config.json."""
    return checkpoint.generation_config.get(name, checkpoint.config.get(name))


def _suppressed_ids(checkpoint: Checkpoint) -> tuple[int, ...]:
    """Single tokens among `bad_words_ids`."""
    words = _generation_setting(checkpoint, "bad_words_ids")
    if words is None:
        return ()
    if not isinstance(words, list) or not all(isinstance(w, list) and len(w) == 1 for w in words):
        raise CheckpointError(
            f"bad_words_ids is {words!r}; only a list of single tokens is supported"
        )
    return tuple(word[0] for word in words)


def _suppress(transformer: Transformer, suppressed: tuple[int, ...]) -> None:
    bias = transformer.decoder.head.bias
    assert isinstance(bias, Tensor)
    bias.data[list(suppressed)] = SUPPRESSED_BIAS
    bias.data[transformer.config.vocabulary_size :] = SUPPRESSED_BIAS


def _max_decoding_length(checkpoint: Checkpoint, max_positions: int) -> int:
    """`max_length` counts the start token, and the end token where its place is forced."""
    max_length = _generation_setting(checkpoint, "max_length")
    if not isinstance(max_length, int):
        return min(DEFAULT_MAX_LENGTH, max_positions - 1)
    forced = _generation_setting(checkpoint, "forced_eos_token_id") is not None
    return max(1, min(max_length - (2 if forced else 1), max_positions - 1))
