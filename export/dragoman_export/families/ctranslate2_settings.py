"""What a CTranslate2 model says of itself: sizes and switches.

Source of names and defaults: CTranslate2, `python/ctranslate2/specs` and
`src/layers/transformer.cc`. Does not know which variable is which weight.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from dragoman_export.checkpoints.ctranslate2_file import CTranslate2File
from dragoman_export.errors import CheckpointError
from dragoman_export.network import Activation, TransformerConfig

SPEC = "TransformerSpec"

REVISIONS = (3, 4, 5, 6, 7)
"""Of the names of TransformerSpec's variables."""

OWN_SWITCHES_REVISION = 5
"""From which on encoder and decoder each have their switches."""

ACTIVATIONS: dict[int, Activation] = {
    0: "relu",
    1: "gelu_tanh",
    2: "silu",
    3: "gelu",
    4: "silu",
}
GELU_SIGMOID = 4
"""x * sigmoid(1.702 x), as in Marian: the same as silu(1.702 x) / 1.702."""

ACTIVATION_NAMES = ("relu", "GELU by tanh", "swish", "GELU", "GELU by sigmoid", "tanh", "sigmoid")

UNSUPPORTED = {
    r".*/relative_(position|asymmetric|left|right)_?\w*": "relative positions other than T5's",
    r".*/rotary_dim": "rotary positions",
    r"encoder/embeddings_[1-9]\d*/weight": "sources with several features",
    r".*/weight_zero": "AWQ weights",
    r"decoder/project_(in|out)/weight": "projections around the decoder",
    r".*/(q|k|v)_norm/gamma": "norms of queries, keys or values",
    r".*/(shared|input|post_attention|pre_feedforward|post_feedforward)_layer_norm/gamma":
        "norms in other places than one for each sublayer",
    r".*/external_(pre|post)_encoder_attention_layer_norm/gamma":
        "norms in other places than one for each sublayer",
    r".*/(merged_encoder_attention|memory_kv/weight)": "merged attention",
    r".*/(final_logit_softcapping|layer_scalar)": "scaled layers or capped outputs",
    r".*/layer_norm_use_residual": "RMS norms of other weights than T5's",
}  # fmt: skip
"""What there is in CTranslate2 and not in the canonical Transformer as this importer fills it, by
the variables that show it."""

SUPPORTED = (
    "supported are encoder-decoders with absolute positions, stored or sinusoidal, or T5's "
    "relative ones, full multi-head attention, layer or RMS norms before or after each sublayer, "
    "and relu, swish or GELU, gated or not"
)


RELATIVE_BIAS, RELATIVE_DISTANCE = "relative_attention_bias", "relative_attention_max_distance"
"""Of a self-attention as T5 has it: what each bucket of distances adds, (buckets, heads), and the
distance from which on all are in the last bucket."""

QUERIES_SCALE = "queries_scale"
"""Of an attention, in place of 1 / sqrt(head_dim)."""

NORM_EPSILON = {False: 1e-5, True: 1e-6}
"""By whether norms are RMS norms, where config.json says nothing."""

MOST_LAYERS = 1000
"""Of one side: beyond any model."""


class Switches(NamedTuple):
    """What half a model is like."""

    heads: int
    norm_first: bool
    activation: int
    embedding_scale: float
    embedding_norm: bool
    final_norm: bool
    rms_norm: bool
    gated: bool
    relative_positions: bool
    layers: int


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Sizes and switches without problems."""

    config: TransformerConfig

    has_sigmoid_gelu: bool = False
    """Whether a SiLU stands for GELU's approximation by a sigmoid."""

    starts_from_zero: bool = False
    """Whether the decoder's first input is zero, whatever its first token."""

    scales_attention: bool = True
    """Whether scores of attention are divided by sqrt(head_dim)."""

    output_scale: float = 1.0
    """What the decoder says is multiplied by it before the projection."""


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
    file: CTranslate2File, sizes: Sizes, *, tied_output: bool, norm_epsilon: float | None
) -> tuple[Architecture | None, list[str]]:
    """The architecture, and what of it is not supported; then there is none."""
    problems = [*_unsupported(file)]
    found = _Problems(problems)
    encoder, decoder = (_switches(file, side, sizes.dim, found) for side in ("encoder", "decoder"))
    problems += _differences(encoder, decoder)
    output_scale = _output_scale(file, decoder, found)
    problems += _scale_problems(file, encoder.layers + 2 * decoder.layers)
    if problems:
        return None, problems
    starts_from_zero = file.flag("decoder/start_from_zero_embedding", default=False)
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
        relative_positions=encoder.relative_positions,
        gated=encoder.gated,
        rms_norm=encoder.rms_norm,
        norm_epsilon=norm_epsilon or NORM_EPSILON[encoder.rms_norm],
    )
    is_sigmoid = encoder.activation == GELU_SIGMOID
    return (
        Architecture(
            config=config,
            has_sigmoid_gelu=is_sigmoid,
            starts_from_zero=starts_from_zero,
            scales_attention=not _any(file, f".*/{QUERIES_SCALE}"),
            output_scale=output_scale,
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
    if file.flag("decoder/alibi", default=False):
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
        rms_norm=not _any(file, rf"{side}/.*layer_?norm\w*/beta"),
        gated=_any(file, rf"{side}/.*/ffn/linear_0_noact/weight"),
        relative_positions=_any(file, rf"{side}/.*/{RELATIVE_BIAS}"),
        layers=len(layers),
    )


def _any(file: CTranslate2File, pattern: str) -> bool:
    return any(re.fullmatch(pattern, name) for name in (*file.variables, *file.aliases))


def _output_scale(file: CTranslate2File, decoder: Switches, problems: _Problems) -> float:
    """Goes into the last norm."""
    name = "decoder/scale_outputs"
    if file.find(name) is None:
        return 1.0
    scale = file.number(name)
    if scale is None or not math.isfinite(scale):
        problems.found.append(f"{name} is no number")
    elif not decoder.final_norm:
        problems.found.append(f"{name} is there and decoder/layer_norm is not, which it goes into")
    else:
        return float(scale)
    return 1.0


def _scale_problems(file: CTranslate2File, attentions: int) -> Iterator[str]:
    """Scores are scaled as everywhere, or as in T5 nowhere."""
    names = sorted({*file.variables, *file.aliases})
    scaled = [name for name in names if name.endswith(f"/{QUERIES_SCALE}")]
    yield from (
        f"{name} is {scale}; only 1, as in T5, is supported"
        for name in scaled
        if (scale := file.number(name)) != 1
    )
    if scaled and len(scaled) != attentions:
        yield f"{scaled[0]} is there, and {QUERIES_SCALE} not in all of the {attentions} attentions"


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
    for name in Switches._fields:
        if name in {"heads", "layers"}:
            continue
        ours, theirs = getattr(encoder, name), getattr(decoder, name)
        if not math.isclose(ours, theirs, rel_tol=1e-6):
            yield f"{name} is {ours} in the encoder and {theirs} in the decoder; both must have one"


def _attribute(file: CTranslate2File, side: str, name: str, default: int) -> int | float:
    """A switch of one side, or as older revisions have it of both."""
    value = file.number(f"{side}/{name}")
    if value is None and file.revision < OWN_SWITCHES_REVISION:
        value = file.number(name)
    return default if value is None else value
