"""Imports Transformers that OpenNMT-py trained, from its own checkpoints.

Source of the architecture: Klein et al. 2017, "OpenNMT: Open-Source Toolkit for Neural Machine
Translation", `onmt.encoders.transformer` and `onmt.decoders.transformer`. The checkpoint has
settings and vocabularies; sentencepiece's models lie beside it.
"""

from collections.abc import Sequence
from pathlib import Path

from dragoman_export.checkpoints import Settings
from dragoman_export.errors import Problems
from dragoman_export.families.opennmt_files import find_checkpoints, read_state
from dragoman_export.families.opennmt_model import Names, build
from dragoman_export.families.opennmt_settings import (
    architecture,
    problems_of,
    size_problems,
    with_defaults,
)
from dragoman_export.families.opennmt_tokens import (
    MAX_DECODING_LENGTH,
    OPENNMT_TOKENIZER,
    SENTENCEPIECE,
    Specials,
    find_tokenizer,
    read_sides,
    read_tokenizer,
    read_tokens,
    transform_problems,
)
from dragoman_export.model import ImportedModel

FAMILY = "opennmt-py"

TABLES = (
    "encoder.embeddings.make_embedding.pe.pe",
    "decoder.embeddings.make_embedding.pe.pe",
)

NAMES = Names(
    parts={
        "encoder.transformer.": "encoder.layers.",
        "decoder.transformer_layers.": "decoder.layers.",
        ".self_attn.": ".self_attention.",
        ".context_attn.": ".cross_attention.",
        ".linear_query.": ".query.",
        ".linear_keys.": ".key.",
        ".linear_values.": ".value.",
        ".final_linear.": ".output.",
        ".feed_forward.layer_norm.": ".feed_forward_norm.",
        ".feed_forward.w_2.": ".feed_forward.narrow.",
        "coder.layer_norm.": "coder.final_norm.",
        ".layer_norm.": ".self_attention_norm.",
        ".layer_norm_1.": ".self_attention_norm.",
        ".layer_norm_2.": ".cross_attention_norm.",
    },
    first=".feed_forward.w_1.",
    second=".feed_forward.w_3.",
    sources="encoder.embeddings.make_embedding.emb_luts.0.weight",
    targets="decoder.embeddings.make_embedding.emb_luts.0.weight",
    output="generator.weight",
    output_bias="generator.bias",
    positions={"SinusoidalInterleaved": TABLES, "SinusoidalConcat": TABLES},
)


def is_opennmt(path: Path) -> bool:
    """Whether a folder has a checkpoint of OpenNMT-py."""
    return bool(find_checkpoints(path))


def import_opennmt(path: Path) -> ImportedModel:
    """Maps a checkpoint onto the canonical Transformer.

    Raises:
        CheckpointError: With everything of the settings, the vocabularies and the tokenizer that
            is not supported, and every tensor that is missing or misshapen; or the file is damaged.
    """
    state = read_state(path)
    settings = with_defaults(state.settings)
    specials = Specials(start=state.start_token)
    sides = read_sides(state.sources, state.targets, specials)
    tokens, more = read_tokens(sides.vocabularies, specials)
    found = [
        *problems_of(settings),
        *transform_problems(
            _transforms(settings), dict.fromkeys((SENTENCEPIECE, OPENNMT_TOKENIZER), settings)
        ),
        *more,
    ]
    problems = Problems()
    problems.note(f"{state.file} is not a checkpoint of OpenNMT-py that can be exported:", found)
    with problems.noted():
        files = find_tokenizer(path, settings)
        if tokens is not None:
            tokenizer = read_tokenizer(files, sides.vocabularies, tokens)
    with problems.noted():
        weights = state.read_weights()
        if not any(size_problems(settings)):
            blueprint = build(
                state.file,
                architecture(settings, *sides.sizes),
                NAMES,
                weights.tensors,
                sides.sizes[0],
                inserted=sides.inserted,
            )
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


def _transforms(settings: Settings) -> Sequence[str]:
    """Of translating, and of every corpus that the model was trained on."""
    data = settings.get("data")
    corpora = data.values() if isinstance(data, dict) else ()
    lists = [settings.get("transforms"), *(c.get("transforms") for c in corpora if _is_dict(c))]
    return [str(name) for each in lists if isinstance(each, list) for name in each]


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)
