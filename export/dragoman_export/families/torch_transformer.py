"""Imports the state dict of a module around torch.nn.Transformer.

The module is the user's: embeddings, positions and output projection are around an nn.Transformer
under names that he chose. A description beside the state dict says what is not in it;
docs/native-layout.md has its settings.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from dragoman_export.checkpoints import Weights, read_settings, read_state_dict, refuse_pointers
from dragoman_export.errors import CheckpointError, Problems
from dragoman_export.families.described import (
    IDS,
    TABLES,
    UNKNOWN_SIZES,
    Description,
    VocabularySizes,
    find_positions,
    imported,
    read_description,
)
from dragoman_export.families.described_tokens import read_tokenizer
from dragoman_export.families.fields import Fields
from dragoman_export.families.suppressed import Suppressed
from dragoman_export.families.torch_modules import TITLE, Arguments, TorchModules
from dragoman_export.families.torch_tensors import Names, Sizes, TorchTensors
from dragoman_export.families.weights import plan, require_sizes
from dragoman_export.model import Blueprint, ImportedModel, OwnModules
from dragoman_export.network import TransformerConfig

DESCRIPTION = "nn-transformer.json"

WEIGHTS = ("model.safetensors", "model.pt")
"""In the order in which they are looked for."""

FAMILY = "nn.Transformer"

SIZES = ("d_model", "num_encoder_layers", "num_decoder_layers", "dim_feedforward")
"""Of nn.Transformer; the weights have them too."""

ACTIVATIONS: Mapping[str, Literal["relu", "gelu"]] = {"relu": "relu", "gelu": "gelu"}
"""Of nn.Transformer and ours."""


def import_torch_transformer(path: Path) -> ImportedModel:
    """Maps a folder with a state dict and its description onto the canonical Transformer.

    Raises:
        CheckpointError: With every setting that is wrong, all of the tokenizer that does not fit,
            and every tensor that is missing or misshapen.
    """
    fields = Fields(read_settings(path / DESCRIPTION))
    arguments, stated = _read_arguments(fields.section("transformer"))
    names = _read_names(fields.section("tensors"))
    key, ignored = fields.text("state_dict_key", ""), fields.texts("ignored_tensors")
    description = read_description(fields)
    fields.refuse_rest()
    problems = Problems()
    problems.note(f"{path / DESCRIPTION} describes no model that can be exported:", fields.problems)
    sizes = UNKNOWN_SIZES
    with problems.noted():
        weights = read_state_dict(_find_weights(path), key.split(".") if key else [], ignored)
        if fields.are_good("transformer", "tensors", "state_dict_key", "ignored_tensors", *TABLES):
            torch_tensors = _named(path, weights, names)
            sizes = VocabularySizes(*map(len, torch_tensors.embeddings))
            outside = [*description.id_problems(sizes)]
            blueprint = _build(path, torch_tensors, arguments, description, outside, stated=stated)
    with problems.noted():
        tokens = read_tokenizer(path, description, sizes)
        if fields.are_good(*IDS):
            tokenizer = tokens.tokenizer(path, description)
    problems.require_none()
    model = imported(FAMILY, description, blueprint, tokenizer, weights.sha256)
    own = OwnModules(TITLE, lambda: TorchModules(weights.tensors, names, arguments, description))
    return replace(model, own_library=own)


def _named(path: Path, weights: Weights, names: Names) -> TorchTensors:
    """Raises CheckpointError with every tensor that is named and not there."""
    if missing := names.missing(weights.tensors):
        raise CheckpointError.listing(f"the state dict in {path} lacks what is named:", missing)
    return TorchTensors(weights.tensors, names)


def _build(
    path: Path,
    torch_tensors: TorchTensors,
    arguments: Arguments,
    description: Description,
    problems: list[str],
    *,
    stated: Mapping[str, int],
) -> Blueprint:
    """The model; raises CheckpointError with `problems` and all that is wrong with the weights."""
    dim = torch_tensors.embeddings[1].shape[1]
    native = torch_tensors.native(dim)
    sizes = torch_tensors.sizes(native)
    problems += [*torch_tensors.problems, *_size_problems(arguments, stated, sizes)]
    if arguments.bias != torch_tensors.has_biases:
        what = "have some" if torch_tensors.has_biases else "have none"
        problems.append(f"transformer.bias is {_json(arguments.bias)}; the weights {what}")
    if 0 in sizes or dim % arguments.nhead:
        raise CheckpointError.listing(f"the state dict in {path} cannot be used:", problems)
    config = _config(torch_tensors, arguments, sizes, description.scale(dim))
    require_sizes(config, native, path)
    positions = find_positions(description, *torch_tensors.positions(), dim)
    return plan(
        replace(
            config, max_positions=len(positions.sources.tensor), own_positions=positions.differ
        ),
        {**native, **torch_tensors.stand_ins(), **positions.native_tensors()},
        path,
        problems=[*problems, *positions.problems],
        needs_biases=torch_tensors.has_biases,
        finish=Suppressed(description.suppressed_ids).apply,
    )


def _config(
    torch_tensors: TorchTensors, arguments: Arguments, sizes: Sizes, embedding_scale: float
) -> TransformerConfig:
    """Sizes and switches, but for positions, which come later."""
    embeddings = VocabularySizes(*map(len, torch_tensors.embeddings))
    return TransformerConfig(
        encoder_layers=sizes.num_encoder_layers,
        decoder_layers=sizes.num_decoder_layers,
        model_dim=sizes.d_model,
        encoder_heads=arguments.nhead,
        decoder_heads=arguments.nhead,
        encoder_hidden_dim=sizes.encoder_feedforward,
        decoder_hidden_dim=sizes.decoder_feedforward,
        vocabulary_size=embeddings.targets,
        source_vocabulary_size=None if torch_tensors.shares_embedding else embeddings.sources,
        tied_output=torch_tensors.ties_output,
        max_positions=1,
        activation=arguments.activation,
        norm_first=arguments.norm_first,
        final_norm=torch_tensors.has_final_norm,
        embedding_scale=embedding_scale,
        norm_epsilon=arguments.layer_norm_eps,
    )


def _read_arguments(fields: Fields) -> tuple[Arguments, dict[str, int]]:
    """Those of nn.Transformer, under its names and with its defaults, and the sizes stated."""
    activation = fields.choice("activation", tuple(ACTIVATIONS), "relu")
    arguments = Arguments(
        nhead=fields.whole("nhead", least=1),
        activation=ACTIVATIONS.get(activation, "relu"),
        norm_first=fields.flag("norm_first", default=False),
        layer_norm_eps=fields.number("layer_norm_eps", 1e-5),
        bias=fields.flag("bias", default=True),
    )
    sizes = {name: fields.whole_or_none(name, least=1) for name in SIZES}
    fields.flag("batch_first", default=False)  # the weights are the same
    fields.fraction("dropout", 0.1)  # of training alone
    fields.refuse_rest()
    return arguments, {name: size for name, size in sizes.items() if size is not None}


def _read_names(fields: Fields) -> Names:
    prefix = fields.text("prefix", "transformer.")
    source = fields.text("source_embedding")
    first = fields.text_or_none("source_positions")
    names = Names(
        encoder=fields.text("encoder_prefix", f"{prefix}encoder."),
        decoder=fields.text("decoder_prefix", f"{prefix}decoder."),
        source_embedding=source,
        target_embedding=fields.text("target_embedding", source),
        output_weight=fields.text_or_none("output_weight"),
        output_bias=fields.text_or_none("output_bias"),
        source_positions=first,
        target_positions=fields.text_or_none("target_positions") or first,
    )
    fields.refuse_rest()
    return names


def _find_weights(path: Path) -> Path:
    found = [path / name for name in WEIGHTS if (path / name).exists()]
    if not found:
        raise CheckpointError(f"checkpoint {path} has none of {', '.join(WEIGHTS)}")
    refuse_pointers(found[:1])
    return found[0]


def _size_problems(arguments: Arguments, stated: Mapping[str, int], sizes: Sizes) -> list[str]:
    """Sizes that are not there, or not as the user states them."""
    found = sizes._asdict()
    problems = [
        f"the weights have no {part} under their prefix: {what} is 0"
        for part, what in (
            ("layers of the encoder", "num_encoder_layers"),
            ("layers of the decoder", "num_decoder_layers"),
        )
        if not found[what]
    ]
    problems += [
        f"{side}.layers.0.linear1.weight is missing or no matrix"
        for side, layers, width in (
            ("encoder", sizes.num_encoder_layers, sizes.encoder_feedforward),
            ("decoder", sizes.num_decoder_layers, sizes.decoder_feedforward),
        )
        if layers and not width
    ]
    for name, size in stated.items():
        if name == "dim_feedforward":
            there = {sizes.encoder_feedforward, sizes.decoder_feedforward}
        else:
            there = {found[name]}
        if there != {size}:
            told = " and ".join(map(str, sorted(there)))
            problems.append(f"transformer.{name} is {size}; the weights have {told}")
    if sizes.d_model % arguments.nhead:
        problems.append(f"d_model {sizes.d_model} cannot be divided among {arguments.nhead} heads")
    return problems


def _json(value: bool) -> str:
    return str(value).lower()
