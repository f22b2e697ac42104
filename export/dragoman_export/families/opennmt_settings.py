"""What the settings of OpenNMT-py's Transformers mean, and what hinders a model.

Source: OpenNMT-py 3.5, `opts.py`, `model_builder.py`, `encoders/transformer.py` and
`decoders/transformer.py`; versions 1 and 2 had other names for widths. Does not know tensors or
files.
"""

from collections.abc import Iterator, Mapping

from dragoman_export.checkpoints import Settings
from dragoman_export.families.bart_settings import LARGEST_SIZE
from dragoman_export.families.opennmt_model import Architecture, PositionKind, embedding_scale
from dragoman_export.network import Activation, TransformerConfig

ACTIVATIONS: Mapping[str, Activation] = {
    "relu": "relu",
    "gelu": "gelu",
    "silu": "silu",
    "gated-gelu": "gelu",
}

GATED = ("silu", "gated-gelu")

NORMS = ("standard", "rms")

POSITIONS: tuple[PositionKind, ...] = ("SinusoidalInterleaved", "SinusoidalConcat")

DEFAULT_EPSILON = 1e-6

ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "enc_hid_size": ("enc_rnn_size", "hidden_size", "rnn_size"),
    "dec_hid_size": ("dec_rnn_size", "hidden_size", "rnn_size"),
    "src_word_vec_size": ("word_vec_size",),
    "tgt_word_vec_size": ("word_vec_size",),
    "enc_layers": ("layers",),
    "dec_layers": ("layers",),
}
"""Where else a size may be; -1 says nothing."""

DEFAULTS: Mapping[str, object] = {
    "heads": 8,
    "transformer_ff": 2048,
    "pos_ffn_activation_fn": "relu",
    "layer_norm": "standard",
    "norm_eps": DEFAULT_EPSILON,
    "position_encoding_type": POSITIONS[0],
    "share_embeddings": False,
    "share_decoder_embeddings": False,
}

SIZES = (*ELSEWHERE, "heads", "transformer_ff")

NEEDED: Mapping[str, tuple[object, ...]] = {
    "encoder_type": ("transformer",),
    "decoder_type": ("transformer",),
    "position_encoding": (True,),
}
"""What must be said, and how."""

NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "model_task": ("seq2seq",),
    "model_type": ("text",),
    "self_attn_type": ("scaled-dot", "scaled-dot-flash"),
    "max_relative_positions": (0,),
    "relative_positions_buckets": (0,),
    "rotary_dim": (0,),
    "sliding_window": (0,),
    "multiquery": (False,),
    "parallel_residual": (False,),
    "num_experts": (0,),
    "n_src_feats": (0,),
    "copy_attn": (False,),
    "coverage_attn": (False,),
    "generator_function": ("softmax",),
    "lora_layers": ([],),
    "lora_embedding": (False,),
    "quant_layers": ([],),
}
"""Settings that make another model of it, and values with which they do not; absent ones do not."""


def with_defaults(settings: Settings) -> Settings:
    """Settings with what they leave unsaid."""
    said = {**DEFAULTS, **{name: value for name, value in settings.items() if value is not None}}
    for name, others in ELSEWHERE.items():
        places = [said.get(each) for each in (name, *others)]
        said[name] = next((value for value in places if value not in (None, -1)), None)
    return said


def problems_of(settings: Settings) -> Iterator[str]:
    """What of settings with defaults is not supported."""
    yield from size_problems(settings)
    epsilon = settings["norm_eps"]
    if not isinstance(epsilon, float) or not 0 < epsilon < 1:
        yield f"norm_eps is {epsilon!r}; a number between 0 and 1 is needed"


def size_problems(settings: Settings) -> Iterator[str]:
    """What is wrong with all that weights are held against: they may be another model's."""
    for name, values in NEEDED.items():
        if settings.get(name) not in values:
            yield _refusal(name, settings.get(name), values)
    for name, values in NEUTRAL.items():
        if name in settings and settings[name] not in values:
            yield _refusal(name, settings[name], values)
    for name, choices in (
        ("pos_ffn_activation_fn", tuple(ACTIVATIONS)),
        ("layer_norm", NORMS),
        ("position_encoding_type", POSITIONS),
    ):
        if settings[name] not in choices:
            yield _refusal(name, settings[name], choices)
    for name in SIZES:
        if type(settings[name]) is not int or not 1 <= settings[name] <= LARGEST_SIZE:
            value = settings[name]
            yield f"{name} is {value!r}; a whole number from 1 to {LARGEST_SIZE} is needed"
    yield from _differing(settings)


def _refusal(name: str, value: object, values: tuple[object, ...]) -> str:
    known = " or ".join(repr(each) for each in values)
    return f"{name} is {value!r}, which is not supported; {known} is"


def _differing(settings: Settings) -> Iterator[str]:
    """What must be the same on both sides, or divide another."""
    width, heads = settings["enc_hid_size"], settings["heads"]
    for name in ("dec_hid_size", "src_word_vec_size", "tgt_word_vec_size"):
        if settings[name] != width:
            yield f"{name} is {settings[name]!r}; only enc_hid_size, {width!r}, is supported"
    if type(heads) is not int or type(width) is not int or heads < 1:
        return
    if width % heads:
        yield f"heads is {heads}, which does not divide {width}"
    elif width % 2:
        yield f"enc_hid_size is {width}; positions need an even number"
    if settings.get("num_kv", 0) not in (0, heads):
        yield _refusal("num_kv", settings["num_kv"], (0, heads))


def architecture(settings: Settings, sources: int, targets: int) -> Architecture:
    """Of settings that have sizes, and of so many tokens."""
    dim, activation = settings["enc_hid_size"], settings["pos_ffn_activation_fn"]
    kind: PositionKind = settings["position_encoding_type"]
    qkv, ffn = settings.get("add_qkvbias"), settings.get("add_ffnbias")
    # Whatever is said, the toolkit goes by the weights here.
    ffn = True if ffn else None
    return Architecture(
        config=TransformerConfig(
            encoder_layers=settings["enc_layers"],
            decoder_layers=settings["dec_layers"],
            model_dim=dim,
            encoder_heads=settings["heads"],
            decoder_heads=settings["heads"],
            encoder_hidden_dim=settings["transformer_ff"],
            decoder_hidden_dim=settings["transformer_ff"],
            vocabulary_size=targets,
            source_vocabulary_size=sources,
            max_positions=1,
            activation=ACTIVATIONS[activation],
            gated=activation in GATED,
            rms_norm=settings["layer_norm"] == "rms",
            norm_first=True,
            final_norm=True,
            embedding_scale=embedding_scale(kind, dim),
            norm_epsilon=settings["norm_eps"],
        ),
        positions=kind,
        shares_embeddings=bool(settings["share_embeddings"]),
        ties_output=bool(settings["share_decoder_embeddings"]),
        biases={
            **dict.fromkeys(("query", "key", "value", "output"), qkv),
            **dict.fromkeys(("widen", "gate", "narrow"), ffn),
            "generator": True,
        },
    )
