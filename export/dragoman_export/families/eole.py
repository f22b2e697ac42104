"""Imports encoder-decoder Transformers that Eole trained or converted, from its own folders.

Eole is what became of OpenNMT-py; the architecture is the same under other names. `config.json`
has the settings, `vocab.json` the tokens, `model.00.safetensors` and those after it the tensors.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from dragoman_export.checkpoints import (
    Settings,
    Weights,
    read_settings,
    read_weights,
    refuse_pointers,
)
from dragoman_export.checkpoints.checkpoint import CONFIG
from dragoman_export.errors import Problems
from dragoman_export.families.eole_settings import ACTIVATIONS, BIASES, GATED, SIDES, EoleSettings
from dragoman_export.families.opennmt_model import (
    Architecture,
    Names,
    PositionKind,
    build,
    embedding_scale,
)
from dragoman_export.families.opennmt_tokens import (
    MAX_DECODING_LENGTH,
    MODELS,
    OPENNMT_TOKENIZER,
    SENTENCEPIECE,
    Sides,
    Specials,
    Tokens,
    are_tokens,
    find_tokenizer,
    read_sides,
    read_tokenizer,
    read_tokens,
    transform_problems,
)
from dragoman_export.model import Blueprint, ImportedModel
from dragoman_export.network import TransformerConfig

FAMILY = "eole"

VOCABULARY, WEIGHTS, SHARDS = "vocab.json", "model.00.safetensors", "model.[0-9][0-9].safetensors"

SINUSOIDS = ("src_emb.pe.pe", "tgt_emb.pe.pe")

NAMES = Names(
    parts={
        "coder.transformer_layers.": "coder.layers.",
        ".self_attn.": ".self_attention.",
        ".context_attn.": ".cross_attention.",
        ".linear_query.": ".query.",
        ".linear_keys.": ".key.",
        ".linear_values.": ".value.",
        ".final_linear.": ".output.",
        ".mlp.down_proj.": ".feed_forward.narrow.",
        ".input_layernorm.": ".self_attention_norm.",
        ".precontext_layernorm.": ".cross_attention_norm.",
        ".post_attention_layernorm.": ".feed_forward_norm.",
        "coder.layer_norm.": "coder.final_norm.",
    },
    first=".mlp.gate_up_proj.",
    second=".mlp.up_proj.",
    sources="src_emb.embeddings.weight",
    targets="tgt_emb.embeddings.weight",
    output="generator.weight",
    output_bias="generator.bias",
    positions={
        "SinusoidalInterleaved": SINUSOIDS,
        "SinusoidalConcat": SINUSOIDS,
        "Learned": ("src_emb.pe.weight", "tgt_emb.pe.weight"),
    },
)

LAYER_SCALAR = ".layer_scalar"
"""Ends the name of what a layer's output is multiplied by: 1 in every model that translates."""


def is_eole(path: Path) -> bool:
    """Whether a folder is in Eole's layout."""
    return (path / CONFIG).is_file() and (path / WEIGHTS).exists()


def import_eole(path: Path) -> ImportedModel:
    """Maps a model onto the canonical Transformer.

    Raises:
        CheckpointError: With everything of the settings, the vocabularies and the tokenizer that
            is not supported, every file that is missing or damaged, and every tensor that is
            missing or misshapen.
    """
    problems, found = Problems(), list[str]()
    settings, sides, tokens = None, None, None
    with problems.noted():
        config = read_settings(path / CONFIG)
        settings, configs = _read_settings(config)
        found += [*settings.problems, *_transform_problems(config, configs)]
    with problems.noted():
        sides, tokens, more = _read_tokens(read_settings(path / VOCABULARY))
        found += more
    problems.note(f"{path} is not a model of Eole that can be exported:", found)
    with problems.noted():
        if settings is not None:
            files = find_tokenizer(path, _models(configs))
            if sides is not None and tokens is not None:
                tokenizer = read_tokenizer(files, sides.vocabularies, tokens)
    with problems.noted():
        weights = _read_weights(path)
        if settings is not None and settings.has_sizes and sides is not None:
            blueprint = _build(path, settings, sides, weights)
    problems.require_none()
    assert tokens is not None
    return ImportedModel(
        family=FAMILY,
        blueprint=blueprint,
        tokenizer=tokenizer,
        decoder_start_id=tokens.start_id,
        end_id=tokens.end_id,
        unknown_id=tokens.unknown_id,
        max_decoding_length=min(MAX_DECODING_LENGTH, blueprint.config.max_positions - 1),
        weights_sha256=weights.sha256,
    )


def _read_settings(config: Settings) -> tuple[EoleSettings, Settings]:
    """Those of the model, and those of transforms by their names."""
    settings = EoleSettings(_object(config.get("model")))
    settings.read()
    return settings, _object(config.get("transforms_configs"))


def _read_tokens(vocab: Settings) -> tuple[Sides | None, Tokens | None, list[str]]:
    """What the vocabularies say, as far as they are lists of tokens, and what hinders that."""
    if problems := [*_vocabulary_problems(vocab)]:
        return None, None, problems
    specials = _specials(vocab)
    sides = read_sides(vocab["src"], vocab["tgt"], specials)
    tokens, problems = read_tokens(sides.vocabularies, specials)
    return sides, tokens, problems


def _read_weights(path: Path) -> Weights:
    files = sorted(path.glob(SHARDS))
    refuse_pointers(files)
    return read_weights(files)


def _build(path: Path, settings: EoleSettings, sides: Sides, weights: Weights) -> Blueprint:
    return build(
        path,
        _architecture(settings, *sides.sizes),
        NAMES,
        {name: each for name, each in weights.tensors.items() if not _is_one(name, each)},
        sides.sizes[0],
        inserted=sides.inserted,
    )


def _object(value: object) -> Settings:
    return value if isinstance(value, dict) else {}


def _transform_problems(config: Settings, configs: Settings) -> Iterator[str]:
    for name, own in configs.items():
        if not isinstance(own, dict | None):
            yield f"transforms_configs.{name} is {own!r}; an object is needed"
    objects = {name: _object(own) for name, own in configs.items()}
    yield from transform_problems(_transforms(config), objects)


def _transforms(config: Settings) -> list[str]:
    """Of translating, and of every corpus that the model was trained on."""
    corpora = [_object(each) for each in _object(config.get("data")).values()]
    lists = [each.get("transforms") for each in (config, *corpora)]
    return [str(name) for each in lists if isinstance(each, list) for name in each]


def _models(configs: Settings) -> Settings:
    """Names of sentencepiece's models, of whichever transform has them."""
    named = [_object(configs.get(name)) for name in (SENTENCEPIECE, OPENNMT_TOKENIZER)]
    return {model: next((n[model] for n in named if n.get(model)), None) for model in MODELS}


def _vocabulary_problems(vocab: Settings) -> Iterator[str]:
    for name in ("src", "tgt"):
        if not are_tokens(vocab.get(name)):
            yield f"{VOCABULARY}: {name} is no list of tokens"
    specials = _object(vocab.get("specials"))
    named = {"decoder_start_token": vocab.get("decoder_start_token")}
    named |= {name: specials.get(name) for name in ("unk_token", "eos_token")}
    for name, token in named.items():
        if token is not None and not isinstance(token, str):
            yield f"{VOCABULARY}: {name} is {token!r}; the name of a token is needed"


def _specials(vocab: Settings) -> Specials:
    usual, specials = Specials(), _object(vocab.get("specials"))
    return Specials(
        unknown=specials.get("unk_token") or usual.unknown,
        end=specials.get("eos_token") or usual.end,
        start=vocab.get("decoder_start_token") or usual.start,
    )


def _is_one(name: str, tensor: Tensor) -> bool:
    return name.endswith(LAYER_SCALAR) and torch.equal(tensor.float(), torch.ones(1))


def _architecture(settings: EoleSettings, sources: int, targets: int) -> Architecture:
    """Of settings that have sizes, and of so many tokens."""
    encoder, decoder = SIDES
    width: int = settings.of(encoder)["hidden_size"]
    activation: str = settings.of(encoder)["mlp_activation_fn"]
    kind: PositionKind = settings.of("embeddings")["position_encoding_type"]
    config = TransformerConfig(
        encoder_layers=settings.of(encoder)["layers"],
        decoder_layers=settings.of(decoder)["layers"],
        model_dim=width,
        encoder_heads=settings.of(encoder)["heads"],
        decoder_heads=settings.of(decoder)["heads"],
        encoder_hidden_dim=settings.of(encoder)["transformer_ff"],
        decoder_hidden_dim=settings.of(decoder)["transformer_ff"],
        vocabulary_size=targets,
        source_vocabulary_size=sources,
        head_dim=settings.of(encoder)["head_dim"],
        max_positions=1,
        activation=ACTIVATIONS[activation],
        gated=activation.startswith(GATED),
        rms_norm=settings.of(encoder)["layer_norm"] == "rms",
        norm_first=True,
        final_norm=True,
        embedding_scale=embedding_scale(kind, width),
        norm_epsilon=settings.of(encoder)["norm_eps"],
    )
    return Architecture(
        config=config,
        positions=kind,
        first_position=settings.of("embeddings")["position_shift"],
        learned_positions=settings.of("embeddings")["n_positions"] or 0,
        shares_embeddings=settings.of("model")["share_embeddings"],
        ties_output=settings.of("model")["share_decoder_embeddings"],
        biases=_biases(settings),
    )


def _biases(settings: EoleSettings) -> dict[str, bool | None]:
    """By the names of layers in the native layout."""
    qkv, key, ffn = (settings.of(SIDES[0])[name] for name in BIASES)
    return {
        "query": qkv,
        "key": qkv if key is None else key,
        "value": qkv,
        "output": None,
        **dict.fromkeys(("widen", "gate", "narrow"), ffn),
        "generator": settings.of("model")["generator_bias"],
    }
