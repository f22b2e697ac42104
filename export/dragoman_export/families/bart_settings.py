"""What the settings of BART and its kin mean, today's or those of 2020, and what hinders a model.

Marian, M2M100, mBART and Pegasus have BART's settings in Hugging Face's layout; where they differ,
`Kin` says. Knows config.json and generation_config.json. Does not know tensors or the tokenizer's
files.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from dragoman_export.checkpoints import Checkpoint, Settings
from dragoman_export.families.bart_tensors import (
    Embeddings,
    computed_sinusoids,
    learned_positions,
    stored_sinusoids,
)
from dragoman_export.families.positions import Positions
from dragoman_export.network import Activation, TransformerConfig

ACTIVATIONS: dict[str, Activation] = {
    "relu": "relu",
    "swish": "silu",
    "silu": "silu",
    "gelu": "gelu",
}


FindPositions = Callable[[Mapping[str, Tensor], int, int, Settings], Positions]
"""Makes tables of (positions, dim) of a checkpoint's tensors and settings."""


@dataclass(frozen=True, kw_only=True)
class Kin:
    """What a family has that BART and others of its kin have not."""

    title: str

    norm_first: bool
    final_norm: bool
    embedding_norm: bool
    """As in TransformerConfig."""

    static_positions: bool
    """Whether positions are sinusoids and not learned."""

    find_positions: FindPositions

    @property
    def required(self) -> Settings:
        """Settings of which the family has one value; a checkpoint that says nothing means it.

        transformers looks at none of them.
        """
        return {
            "static_position_embeddings": self.static_positions,
            "normalize_before": self.norm_first,
            "normalize_embedding": self.embedding_norm,
            "add_final_layer_norm": self.final_norm,
        }


MARIAN = Kin(
    title="Marian",
    norm_first=False,
    final_norm=False,
    embedding_norm=False,
    static_positions=True,
    find_positions=stored_sinusoids,
)
PEGASUS = Kin(
    title="Pegasus",
    norm_first=True,
    final_norm=True,
    embedding_norm=False,
    static_positions=True,
    find_positions=stored_sinusoids,
)
M2M100 = Kin(
    title="M2M100",
    norm_first=True,
    final_norm=True,
    embedding_norm=False,
    static_positions=True,
    find_positions=computed_sinusoids,
)
MBART = Kin(
    title="mBART",
    norm_first=True,
    final_norm=True,
    embedding_norm=True,
    static_positions=False,
    find_positions=learned_positions,
)
BART = Kin(
    title="BART",
    norm_first=False,
    final_norm=False,
    embedding_norm=True,
    static_positions=False,
    find_positions=learned_positions,
)

OTHER_NAMES = {
    "hidden_size": "d_model",
    "num_hidden_layers": "encoder_layers",
    "num_attention_heads": "encoder_attention_heads",
}
"""Names that transformers takes for others, the `attribute_map` of its configurations."""

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


def plain_settings(checkpoint: Checkpoint, kin: Kin) -> tuple[Settings, list[str]]:
    """config.json under its newest names and without null, which says nothing; and its problems.

    Special tokens are numbers, from whichever file has them.
    """
    config = {name: value for name, value in checkpoint.config.items() if value is not None}
    problems = [
        *_take_other_names(config),
        *take_special_tokens(config, checkpoint.generation_config),
    ]
    max_length = setting_of_generation(checkpoint, "max_length")
    if max_length is not None and (type(max_length) is not int or max_length < 1):
        problems.append(f"max_length is {max_length!r}; a whole number from 1 is needed")
    return config, [*problems, *_problems(config, kin)]


def transformer_config(config: Settings, embeddings: Embeddings, kin: Kin) -> TransformerConfig:
    """Sizes and switches of settings that have sizes; what else is wrong has some value."""
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
        activation=_activation(config) or "relu",
        norm_first=kin.norm_first,
        final_norm=kin.final_norm,
        embedding_norm=kin.embedding_norm,
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


def max_decoding_length(checkpoint: Checkpoint, max_positions: int, forced: int = 0) -> int:
    """`max_length` counts the start token, and the end token where its place is forced.

    Args:
        checkpoint: Whose it is.
        max_positions: Of the model.
        forced: Tokens that every translation begins with, which it counts too.
    """
    max_length = setting_of_generation(checkpoint, "max_length")
    longest = max_positions - 1 - forced
    if not isinstance(max_length, int):
        return min(DEFAULT_MAX_LENGTH, longest)
    ends = setting_of_generation(checkpoint, "forced_eos_token_id") is not None
    return max(1, min(max_length - forced - (2 if ends else 1), longest))


def has_sizes(config: Settings) -> bool:
    """Whether weights can be held against the settings, whatever else is wrong with them."""
    padding = config.get("pad_token_id")
    is_known = type(padding) is int and 0 <= padding < min(vocabulary_sizes(config))
    return is_known and not any(_size_problems(config))


def has_ids(config: Settings, suppressed: Sequence[int]) -> bool:
    """Whether tokens can, likewise."""
    ids = [config.get(name) for name in SPECIAL_TOKENS]
    are_whole = all(type(each) is int for each in ids) and all(vocabulary_sizes(config))
    return are_whole and not any(id_problems(config, suppressed))


def id_problems(config: Settings, suppressed: Sequence[int]) -> Iterator[str]:
    """Tokens that the vocabulary does not have."""
    sizes = vocabulary_sizes(config)
    special = {name: config.get(name) for name in SPECIAL_TOKENS}
    for name, token_id in [*special.items(), *(("bad_words_ids", word) for word in suppressed)]:
        size = sizes.targets if name == "bad_words_ids" else min(sizes)
        if size and isinstance(token_id, int) and not 0 <= token_id < size:
            yield f"{name} {token_id} lies outside the vocabulary of {size}"


def setting_of_generation(checkpoint: Checkpoint, name: str) -> object:
    """From generation_config.json or, as older checkpoints have it, config.json."""
    return checkpoint.generation_config.get(name, checkpoint.config.get(name))


def _take_other_names(config: Settings) -> Iterator[str]:
    for other, name in OTHER_NAMES.items():
        if other not in config:
            continue
        value = config.pop(other)
        if config.setdefault(name, value) != value:
            yield f"{name} is {config[name]!r} and {other}, which is the same, {value!r}"


def take_special_tokens(config: Settings, generation_config: Settings) -> Iterator[str]:
    """Puts them into config.json's settings as numbers, and yields what is wrong with them."""
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


def _problems(config: Settings, kin: Kin) -> Iterator[str]:
    for name, value in kin.required.items():
        if config.get(name, value) != value:
            yield f"{name} is {config[name]!r}; only {value!r} is supported"
    yield from _size_problems(config)
    for name in SPECIAL_TOKENS:
        if type(config.get(name)) is not int:
            yield f"{name} is {config.get(name)!r}; a whole number is needed"
    yield from _odd_values(config)


def _activation(config: Settings) -> Activation | None:
    """None where it is not known."""
    name = config.get("activation_function")
    return ACTIVATIONS.get(name) if isinstance(name, str) else None


def _odd_values(config: Settings) -> Iterator[str]:
    if _activation(config) is None:
        given = config.get("activation_function")
        yield f"activation_function is {given!r}; known are {', '.join(ACTIVATIONS)}"
    if not isinstance(config.get("scale_embedding", False), bool):
        yield f"scale_embedding is {config['scale_embedding']!r}; true or false is needed"
    for name in ("share_encoder_decoder_embeddings", "tie_word_embeddings"):
        if not isinstance(config.get(name, True), bool):
            yield f"{name} is {config[name]!r}; true or false is needed"
    if "quantization_config" in config:
        yield "quantization_config is set; quantised weights are not supported"


def _size_problems(config: Settings) -> Iterator[str]:
    """What is wrong with the sizes that weights are held against."""
    for name in SIZES:
        if type(config.get(name)) is not int or not 1 <= config[name] <= LARGEST_SIZE:
            value = config.get(name)
            yield f"{name} is {value!r}; a whole number from 1 to {LARGEST_SIZE} is needed"
    size = config.get("decoder_vocab_size", config.get("vocab_size"))
    if type(size) is not int or not 1 <= size <= LARGEST_SIZE:
        yield f"decoder_vocab_size is {size!r}; a whole number from 1 to {LARGEST_SIZE} is needed"
    elif shares_embedding(config) and size != config.get("vocab_size"):
        yield "decoder_vocab_size differs from vocab_size, though they share an embedding"
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and positions > MOST_POSITIONS:
        yield f"max_position_embeddings is {positions}; {MOST_POSITIONS} is the most"
    for name in HEADS:
        heads, dim = config.get(name), config.get("d_model")
        if type(heads) is int and type(dim) is int and heads > 0 and dim % heads:
            yield f"d_model {dim} cannot be divided among {heads} heads ({name})"
