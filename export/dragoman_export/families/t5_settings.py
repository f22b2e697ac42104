"""What the settings of T5 and its kin mean, and what hinders a model.

Source: transformers' `T5Config`. Knows config.json and generation_config.json. Does not know
tensors or the tokenizer's files.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from dragoman_export.checkpoints import Checkpoint, Settings
from dragoman_export.families.bart_settings import (
    LARGEST_SIZE,
    MOST_POSITIONS,
    SPECIAL_TOKENS,
    take_special_tokens,
)
from dragoman_export.families.bart_tensors import Embeddings
from dragoman_export.network import Activation, TransformerConfig

ACTIVATIONS: dict[str, Activation] = {
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
}

DEFAULT_POSITIONS = 512
"""Tokens of a text where nothing says how many: T5 was trained on as many, and knows no end."""

SIZES = ("vocab_size", "d_model", "d_kv", "d_ff", "num_layers", "num_decoder_layers", "num_heads")

DEFAULTS: Settings = {
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "layer_norm_epsilon": 1e-6,
    "feed_forward_proj": "relu",
    "pad_token_id": 0,
    "eos_token_id": 1,
}
"""What a checkpoint means that says nothing."""


@dataclass(frozen=True)
class T5Settings:
    """Settings, which may have problems."""

    values: Settings
    """config.json without null, with defaults."""

    special: Settings
    """Sizes of the vocabulary and ids of special tokens."""

    @property
    def has_sizes(self) -> bool:
        """Whether weights can be held against them, whatever else is wrong."""
        return not any(_size_problems(self.values))

    @property
    def max_positions(self) -> int:
        """Most tokens of a text."""
        return int(self.values.get("n_positions", DEFAULT_POSITIONS))

    @property
    def is_gated(self) -> bool:
        """Whether the feed-forward's hidden layer is a product."""
        return bool(self.values["feed_forward_proj"].startswith("gated-"))

    @property
    def scales_output(self) -> bool:
        """Whether the decoder's output is divided by sqrt(d_model) before its projection.

        T5 does, its version 1.1 does not, and older settings tell them apart by what they tie. mT5
        never does, though transformers 5 writes into its settings that it ties.
        """
        if self.values.get("model_type") == "mt5":
            return False
        stated = self.values.get("scale_decoder_outputs")
        tied = self.values.get("tie_word_embeddings")
        return bool(stated) if stated is not None else tied is not False

    def transformer_config(self, embeddings: Embeddings) -> TransformerConfig:
        """Sizes and switches of settings that have sizes."""
        values = self.values
        is_one = embeddings.sources == embeddings.targets
        return TransformerConfig(
            encoder_layers=values["num_layers"],
            decoder_layers=values["num_decoder_layers"],
            model_dim=values["d_model"],
            encoder_heads=values["num_heads"],
            decoder_heads=values["num_heads"],
            head_dim=values["d_kv"],
            encoder_hidden_dim=values["d_ff"],
            decoder_hidden_dim=values["d_ff"],
            vocabulary_size=values["vocab_size"],
            source_vocabulary_size=None if is_one else values["vocab_size"],
            tied_output=embeddings.output == embeddings.targets,
            max_positions=self.max_positions,
            relative_positions=True,
            activation=_activation(values["feed_forward_proj"]),
            gated=self.is_gated,
            rms_norm=True,
            norm_first=True,
            final_norm=True,
            norm_epsilon=values["layer_norm_epsilon"],
        )


def read_settings(checkpoint: Checkpoint) -> tuple[T5Settings, list[str]]:
    """Settings and their problems; special tokens are numbers, from whichever file has them."""
    stated = {name: value for name, value in checkpoint.config.items() if value is not None}
    values = DEFAULTS | {"num_decoder_layers": stated.get("num_layers")} | stated
    problems = [*take_special_tokens(values, checkpoint.generation_config)]
    problems += _size_problems(values)
    problems += [
        f"{name} is {values.get(name)!r}; a whole number is needed"
        for name in SPECIAL_TOKENS
        if type(values.get(name)) is not int
    ]
    epsilon = values["layer_norm_epsilon"]
    if not isinstance(epsilon, float) or not 0 < epsilon < 1:
        problems.append(f"layer_norm_epsilon is {epsilon!r}; a number between 0 and 1 is needed")
    if "quantization_config" in values:
        problems.append("quantization_config is set; quantised weights are not supported")
    special = {name: values.get(name) for name in ("vocab_size", *SPECIAL_TOKENS)}
    return T5Settings(values, special), problems


def _size_problems(values: Settings) -> Iterator[str]:
    """What is wrong with all that weights are held against."""
    names = [*SIZES, "relative_attention_num_buckets", "relative_attention_max_distance"]
    names += ["n_positions"] if "n_positions" in values else []
    for name in names:
        if type(values.get(name)) is not int or not 1 <= values[name] <= LARGEST_SIZE:
            yield f"{name} is {values.get(name)!r}; a whole number from 1 to {LARGEST_SIZE}"
    if isinstance(values.get("n_positions"), int) and values["n_positions"] > MOST_POSITIONS:
        yield f"n_positions is {values['n_positions']}; {MOST_POSITIONS} is the most"
    projection = values["feed_forward_proj"]
    if not isinstance(projection, str) or _name(projection) not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        yield f"feed_forward_proj is {projection!r}; known are {known}, and gated-..."


def _activation(projection: str) -> Activation:
    return ACTIVATIONS[_name(projection)]


def _name(projection: str) -> str:
    """`gated-gelu` is an approximation, as it always was in T5 1.1; `gelu` alone is exact."""
    name = projection.removeprefix("gated-")
    return "gelu_new" if projection == "gated-gelu" else name
