"""Imports models that Marian itself wrote, `model.npz`, with its vocabularies.

Source of the architecture: Junczys-Dowmunt et al. 2018, "Marian: Fast Neural Machine Translation in
C++", `models/transformer.h` in marian-dev: pre-norm or post-norm, tied layers and embeddings,
self-attention or a Simpler Simple Recurrent Unit in the decoder. The decoder begins with zeros.
"""

from collections.abc import Iterator
from pathlib import Path

from dragoman.v1.bundle_pb2 import SpecialTokens
from dragoman_export.checkpoints.marian_file import MarianFile, read_marian
from dragoman_export.errors import CheckpointError, Problems
from dragoman_export.families.bart_settings import DEFAULT_MAX_LENGTH
from dragoman_export.families.equivalents import add_zero_token
from dragoman_export.families.marian_npz_settings import (
    NORM_EPSILON,
    MarianSettings,
    read_settings,
)
from dragoman_export.families.marian_npz_tensors import MarianTensors
from dragoman_export.families.marian_npz_tokens import (
    Vocabularies,
    find_vocabularies,
    read_tokenizer,
    require_tokenizer,
)
from dragoman_export.families.marian_tokens import find_targets
from dragoman_export.families.positions import Positions
from dragoman_export.families.suppressed import Suppressed
from dragoman_export.families.weights import Stored, plan, require_sizes
from dragoman_export.model import Blueprint, ImportedModel
from dragoman_export.network import TransformerConfig

FAMILY = "marian-npz"

SUFFIX = ".npz"
NO_MODEL = (".optimizer.npz", ".training.npz")
"""End the names of what a training keeps beside its model."""


def find_models(path: Path) -> list[Path]:
    """Files of a folder that are models by their names."""
    return sorted(file for file in path.glob(f"*{SUFFIX}") if not file.name.endswith(NO_MODEL))


def is_marian_npz(path: Path) -> bool:
    """Whether a folder has any."""
    return bool(find_models(path))


def import_marian_npz(path: Path) -> ImportedModel:
    """Maps the model in a folder onto the canonical Transformer.

    Raises:
        CheckpointError: With everything that is missing, damaged or not supported.
    """
    models = find_models(path)
    if len(models) > 1:
        names = ", ".join(model.name for model in models)
        raise CheckpointError(f"{path} has the models {names}; leave the one to export")
    problems, vocabularies = Problems(), None
    with problems.noted():
        vocabularies = find_vocabularies(path, models[0])
        problems.note(f"the vocabularies of {path} cannot be used:", [*vocabularies.problems()])
        require_tokenizer(path, vocabularies)
    has_tokens = not problems
    with problems.noted():
        file = read_marian(models[0])
        settings, found = read_settings(file.settings)
        tensors = MarianTensors(file.tensors, settings)
        misfits = [*_table_problems(tensors, settings)]
        found += misfits if vocabularies is None else [*misfits, *_misfits(tensors, vocabularies)]
        problems.note(f"{file.path} is not a model of Marian that can be exported:", found)
        suppressed = _suppressed(tensors, vocabularies)
        with problems.noted():
            if settings.has_sizes and not misfits:
                blueprint = _build(file, settings, tensors, suppressed)
        if has_tokens and vocabularies is not None:
            special = _special_tokens(tensors, vocabularies, suppressed)
            tokenizer = read_tokenizer(path, vocabularies, special)
    problems.require_none()
    assert vocabularies is not None
    return ImportedModel(
        family=FAMILY,
        blueprint=blueprint,
        tokenizer=tokenizer,
        decoder_start_id=special.decoder_start_id,
        end_id=special.end_id,
        unknown_id=special.unknown_id,
        suppressed_ids=suppressed.ids,
        max_decoding_length=min(DEFAULT_MAX_LENGTH, blueprint.config.max_positions - 1),
        weights_sha256=file.sha256,
        targets=find_targets(vocabularies.sources.ids),
    )


def _start_id(tensors: MarianTensors) -> int:
    """The first that there is no token of yet."""
    return tensors.rows(tensors.targets) or 0


def _suppressed(tensors: MarianTensors, vocabularies: Vocabularies | None) -> Suppressed:
    """What is never said; the start token alone where nothing says what there is."""
    start_id = _start_id(tensors)
    if vocabularies is None:
        return Suppressed((start_id,))
    fillers = range(vocabularies.targets.size, start_id)
    return Suppressed((*sorted(vocabularies.never_said), *fillers, start_id))


def _special_tokens(
    tensors: MarianTensors, vocabularies: Vocabularies, suppressed: Suppressed
) -> SpecialTokens:
    return SpecialTokens(
        decoder_start_id=_start_id(tensors),
        end_id=vocabularies.end_id,
        unknown_id=vocabularies.unknown_id,
        suppressed_ids=suppressed.ids,
    )


def _table_problems(tensors: MarianTensors, settings: MarianSettings) -> Iterator[str]:
    """What is wrong with the embeddings, which say how wide the model is."""
    for name in dict.fromkeys((tensors.sources, tensors.targets)):
        if tensors.rows(name) is None:
            yield f"{name} is missing, or no table of (tokens, width)"
    if tensors.rows(tensors.targets) is not None and tensors.width % settings.heads:
        yield f"transformer-heads is {settings.heads}, which does not divide {tensors.width}"


def _misfits(tensors: MarianTensors, vocabularies: Vocabularies) -> Iterator[str]:
    """Where vocabularies are not those of the embeddings."""
    embeddings = {tensors.sources: vocabularies.sources, tensors.targets: vocabularies.targets}
    for name, vocabulary in embeddings.items():
        rows = tensors.rows(name)
        if rows is not None and vocabulary.size > rows:
            yield f"{vocabulary.path.name} has {vocabulary.size} tokens and {name} {rows} rows"
    if tensors.sources == tensors.targets and not vocabularies.is_one:
        yield (
            f"{vocabularies.sources.path.name} and {vocabularies.targets.path.name} differ, and "
            f"the model has one embedding for both, {tensors.sources}"
        )


def _build(
    file: MarianFile, settings: MarianSettings, tensors: MarianTensors, suppressed: Suppressed
) -> Blueprint:
    native = tensors.native()
    add_zero_token(native)
    is_one = tensors.sources == tensors.targets
    residuals, dim = settings.residuals, tensors.width
    positions = Stored("Wpos", tensors.positions())
    config = TransformerConfig(
        encoder_layers=settings.encoder_layers,
        decoder_layers=settings.decoder_layers,
        model_dim=dim,
        encoder_heads=settings.heads,
        decoder_heads=settings.heads,
        encoder_hidden_dim=tensors.hidden("encoder"),
        decoder_hidden_dim=tensors.hidden("decoder"),
        vocabulary_size=(tensors.rows(tensors.targets) or 0) + 1,
        source_vocabulary_size=None if is_one else tensors.rows(tensors.sources),
        tied_output=tensors.output is None,
        max_positions=len(positions.tensor),
        activation=settings.activation,
        recurrent=settings.is_recurrent,
        recurrent_output=settings.has_recurrent_output,
        rms_norm=residuals.norm == "rms",
        norm_first=residuals.is_first,
        norm_both=residuals.is_first and residuals.is_last,
        final_norm=residuals.is_final,
        embedding_norm=residuals.is_embedded,
        embedding_scale=settings.embedding_scale(dim),
        norm_epsilon=NORM_EPSILON,
    )
    require_sizes(config, native, file.path)
    return plan(
        config,
        {**native, **Positions(positions, positions).native_tensors()},
        file.path,
        names=tensors.names(),
        finish=suppressed.apply,
    )
