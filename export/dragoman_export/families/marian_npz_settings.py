"""The settings in a Marian model: which are supported, and what they say of the Transformer.

Source of the names, defaults and meanings: marian-dev, `common/config_parser.cpp`,
`models/transformer.h`, `layers/output.cpp`. Does not know tensors.
"""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from dragoman_export.checkpoints import Settings
from dragoman_export.families.fields import Fields
from dragoman_export.network import Activation

SELF_ATTENTION, RECURRENT = "self-attention", "rnn"
DECODERS = (SELF_ATTENTION, RECURRENT)
CELL = "ssru"

NORM_EPSILON = 1e-6

ACTIVATIONS: dict[str, Activation] = {"relu": "relu", "swish": "silu", "gelu": "silu"}
"""Marian's GELU is its approximation by a sigmoid, which is a SiLU but for a factor."""

SIZED = (
    "type",
    "enc-depth",
    "dec-depth",
    "transformer-decoder-autoreg",
    "dec-cell",
    "transformer-heads",
    "transformer-preprocess",
    "transformer-postprocess",
    "transformer-postprocess-emb",
    "transformer-postprocess-top",
    "transformer-rnn-projection",
    "transformer-no-projection",
)
"""Settings without which weights cannot be judged."""

REFUSED = (
    "right-left",
    "transformer-no-bias",
    "transformer-no-affine",
    "transformer-disable-position-embeddings",
    "transformer-pool",
    "ulr",
    "lemma-dim-emb",
    "lemma-dependency",
)
"""Settings that make another model of it; absent, empty, zero or false, they do not."""

LAYERS_AND_DEPTHS = ("transformer-ffn-depth", "transformer-decoder-ffn-depth")
FEED_FORWARD_DEPTH = 2

FIRST_WHOLE_NORM = (1, 11)
"""Release from which on a norm before self-attention is that of keys and values too."""

DROPOUT, ADD = "da"
NORMS = {"n": "ln", "r": "rms"}
"""Operations that are norms, and what their tensors are called."""


class Residuals(NamedTuple):
    """What is around each sublayer, and around all of them."""

    is_first: bool
    """Whether a sublayer reads normalised rows."""
    is_last: bool
    """Whether the sum is normalised."""
    is_embedded: bool
    """Whether what the first layer reads is normalised."""
    is_final: bool
    """Whether what the last layer says is normalised."""
    norm: str
    """`ln` or `rms`."""


class MarianSettings(NamedTuple):
    """All that the settings say of the Transformer."""

    encoder_layers: int
    decoder_layers: int
    heads: int
    residuals: Residuals
    activation: Activation
    is_sigmoid_gelu: bool
    learns_positions: bool
    is_recurrent: bool
    has_recurrent_output: bool
    has_attention_output: bool
    tied_layers: tuple[int, ...]
    """Number of the layer, from 1, whose weights each layer of the decoder has."""
    has_sizes: bool
    """Whether weights can be held against them, whatever else is wrong."""

    def embedding_scale(self, dim: int) -> float:
        """What embeddings are multiplied by."""
        return 1.0 if self.learns_positions else math.sqrt(dim)


def read_settings(settings: Settings) -> tuple[MarianSettings, list[str]]:
    """The settings, and what of them is not supported."""
    fields = Fields(settings)
    fields.choice("type", ["transformer"], "")
    encoder_layers = fields.whole("enc-depth", 6, least=1)
    decoder_layers = fields.whole("dec-depth", 6, least=1)
    is_recurrent = fields.choice("transformer-decoder-autoreg", DECODERS, DECODERS[0]) == RECURRENT
    if is_recurrent:
        fields.choice("dec-cell", [CELL], CELL)
        if settings.get("layer-normalization"):
            fields.problems.append("layer-normalization is true; an ssru has no norms of its own")
    activation = fields.choice("transformer-ffn-activation", [*ACTIVATIONS], "swish")
    fields.choice("transformer-attention-mask", ["default"], "default")
    others = [*_refusals(settings)]
    residuals, problems = _read_residuals(fields)
    tied, more = _read_tied(settings.get("transformer-tied-layers"), decoder_layers)
    is_another = bool(others or problems or more)
    if residuals.is_first and _release(settings) < FIRST_WHOLE_NORM:
        problems.append(
            f"transformer-preprocess is {settings['transformer-preprocess']!r} in a model of "
            f"release {settings.get('version', 'unknown')}: before v1.11.0 Marian normalised "
            "queries alone, which is not supported"
        )
    heads = fields.whole("transformer-heads", 8, least=1)
    has_recurrent_output = fields.flag("transformer-rnn-projection", default=False)
    has_attention_output = not fields.flag("transformer-no-projection", default=False)
    return (
        MarianSettings(
            encoder_layers=encoder_layers,
            decoder_layers=decoder_layers,
            heads=heads,
            residuals=residuals,
            activation=ACTIVATIONS[activation],
            is_sigmoid_gelu=activation == "gelu",
            learns_positions=_is_set(settings, "transformer-train-position-embeddings")
            or _is_set(settings, "transformer-train-positions"),
            is_recurrent=is_recurrent,
            has_recurrent_output=has_recurrent_output,
            has_attention_output=has_attention_output,
            tied_layers=tied,
            has_sizes=fields.are_good(*SIZED) and not is_another,
        ),
        [*fields.problems, *others, *problems, *more],
    )


def _refusals(settings: Settings) -> Iterator[str]:
    """What makes another model of it."""
    for name in LAYERS_AND_DEPTHS:
        if settings.get(name) not in (None, 0, FEED_FORWARD_DEPTH):
            yield f"{name} is {settings[name]!r}; only {FEED_FORWARD_DEPTH} is supported"
    for name in REFUSED:
        if settings.get(name):
            yield f"{name} is {settings[name]!r}, which is not supported"


def _release(settings: Settings) -> tuple[int, ...]:
    """Of Marian, by which the model was written; 0 where it says nothing."""
    match = re.match(r"v?(\d+)\.(\d+)", str(settings.get("version", "")))
    return (0, 0) if match is None else (int(match[1]), int(match[2]))


def _is_set(settings: Settings, name: str) -> bool:
    return bool(settings.get(name))


def _read_residuals(fields: Fields) -> tuple[Residuals, list[str]]:
    """Dropout says nothing here; a sum and norms are supported in the orders that people train."""
    before, after, embedded, final = (
        fields.text(f"transformer-{name}", default).replace(DROPOUT, "")
        for name, default in (
            ("preprocess", ""),
            ("postprocess", "dan"),
            ("postprocess-emb", "d"),
            ("postprocess-top", ""),
        )
    )
    norm = next((each for each in f"{before}{after}{embedded}{final}" if each in NORMS), "n")
    sums = {ADD: False, ADD + norm: True}
    allowed = (
        ("preprocess", before, ["", norm]),
        ("postprocess", after, [*sums] if before else [ADD + norm]),
        ("postprocess-emb", embedded, ["", norm]),
        ("postprocess-top", final, ["", norm]),
    )
    problems = [
        f"transformer-{name} is {fields.text(f'transformer-{name}', '')!r}, which is not supported "
        f"here; beside {DROPOUT}, {' or '.join(repr(each) for each in orders)} is"
        for name, found, orders in allowed
        if found not in orders
    ]
    residuals = Residuals(
        is_first=bool(before),
        is_last=sums.get(after, True),
        is_embedded=bool(embedded),
        is_final=bool(final),
        norm=NORMS[norm],
    )
    return residuals, problems


def _read_tied(value: object, layers: int) -> tuple[tuple[int, ...], list[str]]:
    own = tuple(range(1, layers + 1))
    if value in (None, []):
        return own, []
    told = value if isinstance(value, list) else []
    if len(told) == layers and all(type(each) is int and 1 <= each <= layers for each in told):
        return tuple(told), []
    return own, [
        f"transformer-tied-layers is {value!r}; {layers} numbers from 1 to {layers} are needed"
    ]
