"""What the settings of a Marian checkpoint mean, today's or those of 2020, and what hinders it.

Knows config.json and generation_config.json. Does not know tensors or the tokenizer's files.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from dragoman_export.checkpoints import Checkpoint, Settings
from dragoman_export.families.marian_weights import Embeddings
from dragoman_export.network import Activation, TransformerConfig

ACTIVATIONS: dict[str, Activation] = {
    "relu": "relu",
    "swish": "silu",
    "silu": "silu",
    "gelu": "gelu",
}

REQUIRED_VALUES: Settings = {
    "static_position_embeddings": True,
    "normalize_before": False,
    "normalize_embedding": False,
    "add_final_layer_norm": False,
}
"""Settings of which we support one value; where a checkpoint says nothing it means this value."""

OTHER_NAMES = {
    "hidden_size": "d_model",
    "num_hidden_layers": "encoder_layers",
    "num_attention_heads": "encoder_attention_heads",
}
"""Names that transformers takes for others, the `attribute_map` of its MarianConfig."""

SPECIAL_TOKENS = ("eos_token_id", "pad_token_id", "decoder_start_token_id")

HEADS = ("encoder_attention_heads", "decoder_attention_heads")

SIZES = (
    "vocab_size",
    "d_model",
    "encoder_layers",
    "decoder_layers",
    *HEADS,
    "encoder_ffn_dim",
    "decoder_ffn_dim",
    "max_position_embeddings",
)
"""Whole numbers from 1 that a checkpoint must state."""

LARGEST_SIZE = 2**24
"""Beyond any model; products of two still are numbers that PyTorch counts with."""

MOST_POSITIONS = 65_536
"""A larger table is a slip of the pen: caches have as many places."""

DEFAULT_MAX_LENGTH = 256
"""Tokens of a translation where the checkpoint gives no limit."""


def plain_settings(checkpoint: Checkpoint) -> tuple[Settings, list[str]]:
    """config.json under its newest names and without null, which says nothing; and its problems.

    Special tokens are numbers, from whichever file has them.
    """
    config = {name: value for name, value in checkpoint.config.items() if value is not None}
    problems = [
        *_take_other_names(config),
        *_take_special_tokens(config, checkpoint.generation_config),
    ]
    max_length = _generation_setting(checkpoint, "max_length")
    if max_length is not None and (type(max_length) is not int or max_length < 1):
        problems.append(f"max_length is {max_length!r}; a whole number from 1 is needed")
    return config, [*problems, *_problems(config)]


def transformer_config(config: Settings, embeddings: Embeddings) -> TransformerConfig:
    """Sizes and switches of settings without problems."""
    is_one = embeddings.sources == embeddings.targets
    return TransformerConfig(
        encoder_layers=config["encoder_layers"],
        decoder_layers=config["decoder_layers"],
        model_dim=config["d_model"],
        encoder_heads=config["encoder_attention_heads"],
        decoder_heads=config["decoder_attention_heads"],
        encoder_hidden_dim=config["encoder_ffn_dim"],
        decoder_hidden_dim=config["decoder_ffn_dim"],
        vocabulary_size=vocabulary_sizes(config).targets,
        source_vocabulary_size=None if is_one else config["vocab_size"],
        tied_output=embeddings.output == embeddings.targets,
        max_positions=config["max_position_embeddings"],
        activation=ACTIVATIONS[config["activation_function"]],
        embedding_scale=math.sqrt(config["d_model"]) if config.get("scale_embedding") else 1.0,
    )


def shares_embedding(config: Settings) -> bool:
    """Whether sources and targets have one embedding."""
    return bool(config.get("share_encoder_decoder_embeddings", True))


class VocabularySizes(NamedTuple):
    """Tokens that the model has embeddings of; a number that is wrong is told elsewhere."""

    sources: int
    targets: int


def vocabulary_sizes(config: Settings) -> VocabularySizes:
    """As settings have them, with or without problems."""
    sources = config.get("vocab_size")
    targets = sources if shares_embedding(config) else config.get("decoder_vocab_size", sources)
    return VocabularySizes(*(size if type(size) is int else 0 for size in (sources, targets)))


def max_decoding_length(checkpoint: Checkpoint, max_positions: int) -> int:
    """`max_length` counts the start token, and the end token where its place is forced."""
    max_length = _generation_setting(checkpoint, "max_length")
    if not isinstance(max_length, int):
        return min(DEFAULT_MAX_LENGTH, max_positions - 1)
    forced = _generation_setting(checkpoint, "forced_eos_token_id") is not None
    return max(1, min(max_length - (2 if forced else 1), max_positions - 1))


def _generation_setting(checkpoint: Checkpoint, name: str) -> object:
    """From generation_config.json or, as older checkpoints have it, config.json."""
    return checkpoint.generation_config.get(name, checkpoint.config.get(name))


def _take_other_names(config: Settings) -> Iterator[str]:
    for other, name in OTHER_NAMES.items():
        if other not in config:
            continue
        value = config.pop(other)
        if config.setdefault(name, value) != value:
            yield f"{name} is {config[name]!r} and {other}, which is the same, {value!r}"


def _take_special_tokens(config: Settings, generation_config: Settings) -> Iterator[str]:
    for name in SPECIAL_TOKENS:
        stated = [_only(settings.get(name)) for settings in (config, generation_config)]
        told = [value for value in stated if value is not None]
        if told:
            config[name] = told[0]
        if len(told) > 1 and told[0] != told[1]:
            yield f"{name} is {told[0]!r} in config.json and {told[1]!r} in generation_config.json"


def _only(value: object) -> object:
    """A list of one is that one."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _problems(config: Settings) -> Iterator[str]:
    for name, value in REQUIRED_VALUES.items():
        if config.get(name, value) != value:
            yield f"{name} is {config[name]!r}; only {value!r} is supported"
    for name in SIZES:
        if type(config.get(name)) is not int or not 1 <= config[name] <= LARGEST_SIZE:
            value = config.get(name)
            yield f"{name} is {value!r}; a whole number from 1 to {LARGEST_SIZE} is needed"
    for name in SPECIAL_TOKENS:
        if type(config.get(name)) is not int:
            yield f"{name} is {config.get(name)!r}; a whole number is needed"
    yield from _odd_values(config)


def _odd_values(config: Settings) -> Iterator[str]:
    activation = config.get("activation_function")
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        yield f"activation_function is {activation!r}; known are {', '.join(ACTIVATIONS)}"
    if not isinstance(config.get("scale_embedding", False), bool):
        yield f"scale_embedding is {config['scale_embedding']!r}; true or false is needed"
    for name in ("share_encoder_decoder_embeddings", "tie_word_embeddings"):
        if not isinstance(config.get(name, True), bool):
            yield f"{name} is {config[name]!r}; true or false is needed"
    size = config.get("decoder_vocab_size", config.get("vocab_size"))
    if type(size) is not int or not 1 <= size <= LARGEST_SIZE:
        yield f"decoder_vocab_size is {size!r}; a whole number from 1 to {LARGEST_SIZE} is needed"
    elif shares_embedding(config) and size != config.get("vocab_size"):
        yield "decoder_vocab_size differs from vocab_size, though they share an embedding"
    if "quantization_config" in config:
        yield "quantization_config is set; quantised weights are not supported"
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and positions > MOST_POSITIONS:
        yield f"max_position_embeddings is {positions}; {MOST_POSITIONS} is the most"
    for name in HEADS:
        heads, dim = config.get(name), config.get("d_model")
        if type(heads) is int and type(dim) is int and heads > 0 and dim % heads:
            yield f"d_model {dim} cannot be divided among {heads} heads ({name})"
