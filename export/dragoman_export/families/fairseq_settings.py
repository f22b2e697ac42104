"""What the settings of fairseq's Transformers mean, and what hinders a model.

Source: fairseq's `TransformerModel` and its `base_architecture`. Does not know tensors or files.
"""

import math
from collections.abc import Iterator, Mapping

from dragoman_export.checkpoints import Settings
from dragoman_export.families.bart_settings import LARGEST_SIZE, MOST_POSITIONS
from dragoman_export.families.fairseq_languages import MULTI, problems_of_languages
from dragoman_export.families.fairseq_languages import TASKS as MULTILINGUAL
from dragoman_export.network import Activation, TransformerConfig

ACTIVATIONS: Mapping[str, Activation] = {"relu": "relu", "gelu": "gelu", "swish": "silu"}

TASKS = ("translation", *MULTILINGUAL)

ARCHITECTURES = ("transformer", "mbart_", "bart_")
"""What the names of supported ones begin with."""

SIDES = ("encoder", "decoder")

SIZES: Mapping[str, int] = {
    "encoder_embed_dim": 512,
    "encoder_ffn_embed_dim": 2048,
    "encoder_layers": 6,
    "encoder_attention_heads": 8,
    "decoder_embed_dim": 512,
    "decoder_ffn_embed_dim": 2048,
    "decoder_layers": 6,
    "decoder_attention_heads": 8,
    "max_source_positions": 1024,
    "max_target_positions": 1024,
}
"""Whole numbers from 1, and what they are where nothing is said."""

SWITCHES = (
    "encoder_normalize_before",
    "decoder_normalize_before",
    "encoder_learned_pos",
    "decoder_learned_pos",
    "share_all_embeddings",
    "share_decoder_input_output_embed",
    "no_scale_embedding",
    "layernorm_embedding",
)
"""True or false; false where nothing is said."""

REFUSED = (
    "adaptive_softmax_cutoff",
    "adaptive_input",
    "no_token_positional_embeddings",
    "no_cross_attention",
    "cross_self_attention",
    "no_decoder_final_norm",
    "moe_freq",
    "moe_expert_count",
    "quant_noise_pq",
    "quant_noise_scalar",
    "encoder_layers_to_keep",
    "decoder_layers_to_keep",
    "char_inputs",
    "moses_no_dash_splits",
    "moses_no_escape",
)
"""Settings that make another model of it; absent, zero or false, they do not."""

LANGUAGE_TOKENS = ("lang_tok_style", "encoder_langtok", "decoder_langtok")
"""Likewise in a task that knows none."""


def with_defaults(settings: Settings) -> Settings:
    """Settings with what they leave unsaid; the decoder is as wide as the encoder."""
    said = {**dict.fromkeys(SWITCHES, False), "activation_fn": "relu", **settings}
    for name, size in SIZES.items():
        other = name.replace("decoder", "encoder")
        is_width = name.endswith("embed_dim")
        said.setdefault(name, said.get(other, size) if is_width else size)
    for name in ("decoder_input_dim", "decoder_output_dim"):
        said.setdefault(name, said["decoder_embed_dim"])
    return said


def problems_of(settings: Settings) -> Iterator[str]:
    """What of settings with defaults is not supported."""
    task, arch = settings.get("task", TASKS[0]), settings.get("arch", "transformer")
    if task not in TASKS:
        yield f"task is {task!r}; supported are {', '.join(TASKS)}"
    if not isinstance(arch, str) or not arch.startswith(ARCHITECTURES) or "_lm" in arch:
        yield f"arch is {arch!r}; only transformer, mbart and bart and their sizes are supported"
    for name in (*REFUSED, *(() if task == MULTI else LANGUAGE_TOKENS)):
        if settings.get(name):
            yield f"{name} is {settings[name]!r}, which is not supported"
    if _activation(settings) is None:
        known = ", ".join(ACTIVATIONS)
        yield f"activation_fn is {settings['activation_fn']!r}; known are {known}"
    yield from size_problems(settings)
    yield from language_problems(settings)


def language_problems(settings: Settings) -> Iterator[str]:
    """What is wrong with languages, by which dictionaries and tokens are found."""
    task = settings.get("task", TASKS[0])
    if task in MULTILINGUAL:
        yield from problems_of_languages(settings)
    for name in ("source_lang", "target_lang") if task != MULTI else ():
        value = settings.get(name)
        if not isinstance(value, str) or not value or "/" in value:
            yield f"{name} is {value!r}; a language is needed"


def size_problems(settings: Settings) -> Iterator[str]:
    """What is wrong with all that weights are held against."""
    for name in SIZES:
        value = settings[name]
        most = MOST_POSITIONS if name.startswith("max_") else LARGEST_SIZE
        if type(value) is not int or not 1 <= value <= most:
            yield f"{name} is {value!r}; a whole number from 1 to {most} is needed"
    for name in SWITCHES:
        if not isinstance(settings[name], bool | int):
            yield f"{name} is {settings[name]!r}; true or false is needed"
    yield from _differing(settings)


def _activation(settings: Settings) -> Activation | None:
    """None where it is not known."""
    name = settings["activation_fn"]
    return ACTIVATIONS.get(name) if isinstance(name, str) else None


def _differing(settings: Settings) -> Iterator[str]:
    """What must be the same on both sides, or throughout."""
    width = settings["encoder_embed_dim"]
    for name in ("decoder_embed_dim", "decoder_input_dim", "decoder_output_dim"):
        if settings[name] != width:
            yield f"{name} is {settings[name]!r}; only encoder_embed_dim, {width!r}, is supported"
    for name in ("normalize_before", "learned_pos"):
        first, second = (bool(settings[f"{side}_{name}"]) for side in SIDES)
        if name == "normalize_before" and first != second:
            yield f"encoder_{name} is {first} and decoder_{name} {second}; they must be the same"
    for side in SIDES:
        heads = settings[f"{side}_attention_heads"]
        if type(heads) is int and type(width) is int and heads > 0 and width % heads:
            yield f"{side}_attention_heads is {heads}, which does not divide {width}"


def transformer_config(
    settings: Settings, sources: int | None, targets: int, *, tied_output: bool, final_norm: bool
) -> TransformerConfig:
    """Sizes and switches of settings that have sizes; what else is wrong has some value.

    Args:
        settings: With defaults.
        sources: Tokens of sources; None where they have the embedding of targets.
        targets: Tokens of targets.
        tied_output: As in TransformerConfig.
        final_norm: Likewise; the first pre-norm models had none.
    """
    dim = settings["encoder_embed_dim"]
    return TransformerConfig(
        encoder_layers=settings["encoder_layers"],
        decoder_layers=settings["decoder_layers"],
        model_dim=dim,
        encoder_heads=settings["encoder_attention_heads"],
        decoder_heads=settings["decoder_attention_heads"],
        encoder_hidden_dim=settings["encoder_ffn_embed_dim"],
        decoder_hidden_dim=settings["decoder_ffn_embed_dim"],
        vocabulary_size=targets,
        source_vocabulary_size=sources,
        tied_output=tied_output,
        max_positions=min(settings["max_source_positions"], settings["max_target_positions"]),
        activation=_activation(settings) or "relu",
        norm_first=bool(settings["encoder_normalize_before"]),
        final_norm=final_norm,
        embedding_norm=bool(settings["layernorm_embedding"]),
        embedding_scale=1.0 if settings["no_scale_embedding"] else math.sqrt(dim),
    )
