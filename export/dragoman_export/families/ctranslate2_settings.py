"""What a CTranslate2 model says of itself: sizes and switches, and the tokens that steer it.

Older formats keep in variables of model.bin what newer ones keep in config.json. Source of names
and defaults: CTranslate2, `python/ctranslate2/specs`, `src/layers/transformer.cc` and
`src/models/sequence_to_sequence.cc`. Does not know which variable is which weight.
"""

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from dragoman_export.checkpoints.ctranslate2_file import CTranslate2File
from dragoman_export.checkpoints.files import Settings, read_settings
from dragoman_export.errors import CheckpointError
from dragoman_export.network import Activation, TransformerConfig

CONFIG = "config.json"

SPEC = "TransformerSpec"

REVISIONS = (3, 4, 5, 6, 7)
"""Of the names of TransformerSpec's variables."""

CONFIG_VERSION = 6
"""The format from which on config.json has the tokens that steer a model."""

OWN_SWITCHES_REVISION = 5
"""From which on encoder and decoder each have their switches."""

ACTIVATIONS: dict[int, Activation] = {0: "relu", 2: "silu", 3: "gelu", 4: "silu"}
GELU_SIGMOID, GELU_SIGMOID_FACTOR = 4, 1.702
"""x * sigmoid(1.702 x), as in Marian: the same as silu(1.702 x) / 1.702."""

ACTIVATION_NAMES = ("relu", "GELU by tanh", "swish", "GELU", "GELU by sigmoid", "tanh", "sigmoid")

UNSUPPORTED = {
    r".*/relative_(position|asymmetric|attention|left|right)_?\w*": "relative positions",
    r".*/rotary_dim": "rotary positions",
    r".*/ffn/linear_0_noact/.*": "gated feed-forward layers",
    r"encoder/embeddings_[1-9]\d*/weight": "sources with several features",
    r".*/weight_zero": "AWQ weights",
    r"decoder/project_(in|out)/weight": "projections around the decoder",
    r".*/(q|k|v)_norm/gamma": "norms of queries, keys or values",
    r".*/(shared|input|post_attention|pre_feedforward|post_feedforward)_layer_norm/gamma":
        "norms in other places than one for each sublayer",
    r".*/external_(pre|post)_encoder_attention_layer_norm/gamma":
        "norms in other places than one for each sublayer",
    r".*/(merged_encoder_attention|memory_kv/weight)": "merged attention",
    r".*/queries_scale": "queries of another scale than 1 / sqrt(head_dim)",
    r".*/(scale_outputs|final_logit_softcapping|layer_scalar)": "scaled or capped outputs",
    r".*/layer_norm_use_residual": "RMS norms",
}  # fmt: skip
"""What there is in CTranslate2 and not in the canonical Transformer as this importer fills it, by
the variables that show it."""

SUPPORTED = (
    "supported are encoder-decoders with absolute positions, stored or sinusoidal, full multi-head "
    "attention, layer norms before or after each sublayer, and relu, swish or GELU"
)


MOST_LAYERS = 1000
"""Of one side: beyond any model."""


NORM_EPSILON = 1e-5
"""Where nothing is said."""


class Switches(NamedTuple):
    """What half a model is like."""

    heads: int
    norm_first: bool
    activation: int
    embedding_scale: float
    embedding_norm: bool
    final_norm: bool
    layers: int


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Sizes and switches without problems."""

    config: TransformerConfig

    folded_activation: float = 1.0
    """Goes into the feed-forward's weights: times it before the activation, and divided after."""

    starts_from_zero: bool = False
    """Whether the decoder's first input is zero, whatever its first token."""


@dataclass(frozen=True, kw_only=True)
class Steering:
    """Tokens with a meaning of their own, by their names, and where CTranslate2 adds them."""

    unknown: str
    begin: str | None
    end: str
    start: str
    """What the decoder starts with."""

    adds_begin: bool
    adds_end: bool

    norm_epsilon: float


@dataclass
class _Problems:
    found: list[str] = field(default_factory=list)


def require_spec(file: CTranslate2File) -> None:
    """Raises CheckpointError unless the file is a Transformer of a known revision."""
    if file.spec != SPEC:
        raise CheckpointError(
            f"{file.path} is a {file.spec or 'model without a name'} of CTranslate2; only {SPEC}, "
            "a Transformer that translates, is supported"
        )
    if file.revision not in REVISIONS:
        raise CheckpointError(
            f"{file.path} is of revision {file.revision} of {SPEC}; known are "
            f"{', '.join(map(str, REVISIONS))}: convert the model again, with a newer CTranslate2"
        )


def read_config(file: CTranslate2File) -> tuple[Steering | None, list[str]]:
    """What steers a model, None where tokens are not as they must be; and all such problems."""
    path = file.path.parent / CONFIG
    config: Settings = {}
    if os.path.lexists(path) or file.version >= CONFIG_VERSION:
        config = read_settings(path)
    if file.version < CONFIG_VERSION:
        config = {**config, **_old_config(file)}
    token_problems, problems = [*_token_problems(config)], [*_other_problems(config)]
    if token_problems:
        return None, [*token_problems, *problems]
    epsilon = None if problems else config.get("layer_norm_epsilon")
    return (
        Steering(
            unknown=config["unk_token"],
            begin=config.get("bos_token"),
            end=config["eos_token"],
            start=config["decoder_start_token"],
            adds_begin=config.get("add_source_bos", False),
            adds_end=config.get("add_source_eos", False),
            norm_epsilon=NORM_EPSILON if epsilon is None else float(epsilon),
        ),
        problems,
    )


def _old_config(file: CTranslate2File) -> Settings:
    """As CTranslate2 makes it of an older file."""
    tokens = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    config: Settings = {name: file.text(name) or default for name, default in tokens.items()}
    start = config["bos_token"] if _flag(file, "with_target_bos", True) else config["eos_token"]
    if _flag(file, "user_decoder_start_tokens", False):
        start = None
    return config | {
        "decoder_start_token": start,
        "add_source_bos": _flag(file, "with_source_bos", False),
        "add_source_eos": _flag(file, "with_source_eos", False),
    }


def _token_problems(config: Settings) -> Iterator[str]:
    adds_begin = config.get("add_source_bos", False)
    needed = ("unk_token", "eos_token", *(["bos_token"] if adds_begin else []))
    for name in needed:
        if not isinstance(config.get(name), str):
            yield f"{CONFIG}: {name} is {config.get(name)!r}; the name of a token is needed"
    start = config.get("decoder_start_token")
    if start is None:
        yield (
            f"{CONFIG}: decoder_start_token is null: each request names the token that it starts "
            "with, as in mBART of 25 languages; only one token for all is supported"
        )
    elif not isinstance(start, str):
        yield f"{CONFIG}: decoder_start_token is {start!r}; the name of a token is needed"
    for name in ("add_source_bos", "add_source_eos"):
        if not isinstance(config.get(name, False), bool):
            yield f"{CONFIG}: {name} is {config[name]!r}; true or false is needed"


def _other_problems(config: Settings) -> Iterator[str]:
    epsilon = config.get("layer_norm_epsilon")
    is_number = isinstance(epsilon, int | float) and not isinstance(epsilon, bool)
    if epsilon is not None and not (is_number and 0 < epsilon < 1):
        yield f"{CONFIG}: layer_norm_epsilon is {epsilon!r}; a number between 0 and 1 is needed"
    if config.get("quantization_type") not in (None, 0):
        yield f"{CONFIG}: quantization_type is {config['quantization_type']!r}; AWQ is unsupported"


class Sizes(NamedTuple):
    """What the shapes of the weights say."""

    vocabulary: int
    source_vocabulary: int | None
    """None where sources have the embedding of targets."""
    dim: int
    encoder_hidden: int
    decoder_hidden: int
    positions: int


def read_architecture(
    file: CTranslate2File, sizes: Sizes, *, tied_output: bool, norm_epsilon: float
) -> tuple[Architecture | None, list[str]]:
    """The architecture, and what of it is not supported; then there is none."""
    problems = [*_unsupported(file)]
    found = _Problems(problems)
    encoder, decoder = (_switches(file, side, sizes.dim, found) for side in ("encoder", "decoder"))
    problems += _differences(encoder, decoder)
    if problems:
        return None, problems
    starts_from_zero = _flag(file, "decoder/start_from_zero_embedding", False)
    config = TransformerConfig(
        encoder_layers=encoder.layers,
        decoder_layers=decoder.layers,
        model_dim=sizes.dim,
        encoder_heads=encoder.heads,
        decoder_heads=decoder.heads,
        encoder_hidden_dim=sizes.encoder_hidden,
        decoder_hidden_dim=sizes.decoder_hidden,
        vocabulary_size=sizes.vocabulary + starts_from_zero,
        source_vocabulary_size=sizes.source_vocabulary,
        tied_output=tied_output,
        max_positions=sizes.positions,
        activation=ACTIVATIONS[encoder.activation],
        norm_first=encoder.norm_first,
        final_norm=encoder.final_norm,
        embedding_norm=encoder.embedding_norm,
        embedding_scale=encoder.embedding_scale,
        norm_epsilon=norm_epsilon,
    )
    is_sigmoid = encoder.activation == GELU_SIGMOID
    return (
        Architecture(
            config=config,
            folded_activation=GELU_SIGMOID_FACTOR if is_sigmoid else 1.0,
            starts_from_zero=starts_from_zero,
        ),
        [],
    )


def layer_numbers(file: CTranslate2File, side: str) -> set[int]:
    """Of the layers that there is anything of."""
    pattern = re.compile(rf"{side}/layer_(\d{{1,6}})/")
    names = (*file.variables, *file.aliases)
    return {int(match[1]) for match in map(pattern.match, names) if match}


def _unsupported(file: CTranslate2File) -> Iterator[str]:
    names = sorted({*file.variables, *file.aliases})
    for pattern, what in UNSUPPORTED.items():
        found = [name for name in names if re.fullmatch(pattern, name)]
        if found:
            yield f"{found[0]} is there: {what}; {SUPPORTED}"
    if _flag(file, "decoder/alibi", False):
        yield f"decoder/alibi is set: ALiBi positions; {SUPPORTED}"
    for name in names:
        if name.endswith("sliding_window") and file.number(name) != 0:
            yield f"{name} is {file.number(name)}: a window of attention; {SUPPORTED}"


def _switches(file: CTranslate2File, side: str, dim: int, problems: _Problems) -> Switches:
    heads = _attribute(file, side, "num_heads", 8)
    if not isinstance(heads, int) or heads < 1 or dim % heads:
        problems.found.append(
            f"{side}/num_heads is {heads}; a whole number from 1 that divides {dim} is needed"
        )
        heads = 1
    problems.found += _head_problems(file, side, heads, dim // heads)
    activation = _attribute(file, side, "activation", 0)
    if activation not in ACTIVATIONS:
        number = int(activation) if math.isfinite(activation) else -1
        is_named = 0 <= number < len(ACTIVATION_NAMES)
        name = ACTIVATION_NAMES[number] if is_named else f"of number {activation}"
        problems.found.append(f"{side}/activation is {name}; {SUPPORTED}")
    layers = layer_numbers(file, side)
    if not layers or len(layers) > MOST_LAYERS or layers != {*range(len(layers))}:
        problems.found.append(
            f"the {side} has the layers {sorted(layers)[:9]}; 0, 1 and so on are needed, of 1 to "
            f"{MOST_LAYERS}"
        )
    return Switches(
        heads=heads,
        norm_first=bool(_attribute(file, side, "pre_norm", 1)),
        activation=int(activation) if activation in ACTIVATIONS else 0,
        embedding_scale=_embedding_scale(file, side, dim, problems),
        embedding_norm=file.find(f"{side}/layernorm_embedding/gamma") is not None,
        final_norm=file.find(f"{side}/layer_norm/gamma") is not None,
        layers=len(layers),
    )


def _head_problems(file: CTranslate2File, side: str, heads: int, width: int) -> Iterator[str]:
    """Each attention may say what its keys' heads are; only as many as of queries will do."""
    for attribute, needed in (("num_heads_kv", heads), ("head_dim", width)):
        for name in sorted({*file.variables, *file.aliases}):
            is_it = name.startswith(f"{side}/") and name.endswith(f"/{attribute}")
            if is_it and (found := file.number(name)) != needed:
                yield f"{name} is {found}; only {needed} is supported: {SUPPORTED}"


def _embedding_scale(file: CTranslate2File, side: str, dim: int, problems: _Problems) -> float:
    """A flag, the number itself, or nothing, which means the square root."""
    first = f"{side}/embeddings" if side == "decoder" else _source_embedding(file)
    for name in (f"{side}/scale_embeddings", f"{first}/multiply_by_sqrt_depth"):
        variable = file.find(name)
        if variable is None:
            continue
        value = file.number(name)
        if value is None or not math.isfinite(value):
            problems.found.append(f"{name} is no number")
            return 1.0
        if variable.element_type != "int8":
            return float(value)
        return math.sqrt(dim) if value else 1.0
    return math.sqrt(dim)


def _source_embedding(file: CTranslate2File) -> str:
    one = "encoder/embeddings"
    return one if file.find(f"{one}/weight") else f"{one}_0"


def _differences(encoder: Switches, decoder: Switches) -> Iterator[str]:
    """One config has one value of each."""
    for name in ("norm_first", "activation", "embedding_scale", "embedding_norm", "final_norm"):
        ours, theirs = getattr(encoder, name), getattr(decoder, name)
        if not math.isclose(ours, theirs, rel_tol=1e-6):
            yield f"{name} is {ours} in the encoder and {theirs} in the decoder; both must have one"


def _attribute(file: CTranslate2File, side: str, name: str, default: int) -> int | float:
    """A switch of one side, or as older revisions have it of both."""
    value = file.number(f"{side}/{name}")
    if value is None and file.revision < OWN_SWITCHES_REVISION:
        value = file.number(name)
    return default if value is None else value


def _flag(file: CTranslate2File, name: str, default: bool) -> bool:
    value = file.number(name)
    return default if value is None else bool(value)
