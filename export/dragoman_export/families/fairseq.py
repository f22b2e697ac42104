"""Imports fairseq's own checkpoints of `transformer` and its sizes, of one pair or of many.

Source of the architecture: Ott et al. 2019, "fairseq: A Fast, Extensible Toolkit for Sequence
Modeling", `fairseq.models.transformer`. Pre-norm or post-norm, positions learned or sinusoidal,
embeddings tied or not; words of Moses with subword-nmt's or fastBPE's codes, or sentencepiece;
languages by tokens, as M2M-100 and mBART have them (Fan et al. 2020, Liu et al. 2020).
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from dragoman.v1.bundle_pb2 import Moses, SpecialTokens, TokenizerFiles
from dragoman_export.checkpoints import CheckpointTokenizer, Settings
from dragoman_export.errors import CheckpointError, Problems
from dragoman_export.families import weights
from dragoman_export.families.bart_settings import DEFAULT_MAX_LENGTH
from dragoman_export.families.bart_tensors import PARTS, are_equal
from dragoman_export.families.fairseq_files import (
    SPECIAL,
    find_checkpoint,
    read_dictionary,
    read_merges,
    read_state,
    with_word_ends,
)
from dragoman_export.families.fairseq_languages import TASKS as MULTILINGUAL
from dragoman_export.families.fairseq_languages import (
    Told,
    added_tokens,
    find_told,
    read_dictionaries,
    with_added,
)
from dragoman_export.families.fairseq_settings import (
    SIDES,
    language_problems,
    problems_of,
    size_problems,
    transformer_config,
    with_defaults,
)
from dragoman_export.families.marian_tokens import sentencepiece_tokenizer
from dragoman_export.families.moses_tokens import Contents, moses_tokenizer
from dragoman_export.families.positions import Positions, fairseq_sinusoids
from dragoman_export.families.safe_pieces import text_model
from dragoman_export.families.suppressed import Suppressed
from dragoman_export.families.weights import Stored, plan, require_sizes
from dragoman_export.model import Blueprint, ImportedModel

FAMILY = "fairseq"

START_ID, PAD_ID, END_ID, UNKNOWN_ID = range(len(SPECIAL))

CODES = ("bpecodes", "bpe.codes", "codes", "code")
SENTENCEPIECE_MODELS = (
    "sentencepiece.bpe.model",
    "sentence.bpe.model",
    "spm.model",
    "spm.128k.model",
)

SOURCES, TARGETS = "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"
OUTPUTS = ("decoder.output_projection.weight", "decoder.embed_out")
"""Newer and older name of an output projection."""

LEARNED = "{}.embed_positions.weight"
NO_LAYER = ("version", "embed_positions._float_tensor", "embed_positions.weights")
"""End the names of tensors that say nothing."""

OLD_NORMS = {
    "encoder": ("self_attn_layer_norm", "final_layer_norm"),
    "decoder": ("self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"),
}
"""What `layer_norms.0` and so on were called later."""

PROJECTIONS = ("q_proj", "k_proj", "v_proj")
"""What one `in_proj` was cut into later."""


def is_fairseq(path: Path) -> bool:
    """Whether a folder has a checkpoint of fairseq and its dictionaries."""
    return find_checkpoint(path) is not None and any(path.glob("*dict*.txt"))


def import_fairseq(path: Path) -> ImportedModel:
    """Maps a checkpoint onto the canonical Transformer.

    Raises:
        CheckpointError: With every setting that is not supported, every file that is missing or
            damaged, and every tensor that is missing or misshapen.
    """
    file = find_checkpoint(path)
    assert file is not None
    problems = Problems()
    with problems.noted():
        state = read_state(file)
    if problems:
        _note_files(path, problems)
    problems.require_none()
    settings = with_defaults(state.settings)
    what = f"{file} is not a checkpoint of fairseq that can be exported:"
    problems.note(what, [*problems_of(settings)])
    suppressed = Suppressed(ids=(PAD_ID,))  # fairseq's search never says it
    sizes: list[int] = []
    with problems.noted():
        if not [*language_problems(settings)]:
            sources, targets, told = _read_languages(path, settings)
            sizes = [1 + max(ids.values()) for ids in (sources, targets)]
            special = _special_tokens(told, suppressed)
            tokenizer = _read_tokenizer(path, special, told, sources, targets)
    with problems.noted():
        if sizes and not [*size_problems(settings)]:
            blueprint = _build(path, settings, state.tensors, suppressed, *sizes)
    problems.require_none()
    forced = max((len(target.target_prefix_ids) for target in told.targets), default=0)
    return ImportedModel(
        family=FAMILY,
        blueprint=blueprint,
        tokenizer=tokenizer,
        decoder_start_id=special.decoder_start_id,
        end_id=END_ID,
        unknown_id=UNKNOWN_ID,
        suppressed_ids=suppressed.ids,
        max_decoding_length=min(DEFAULT_MAX_LENGTH, blueprint.config.max_positions - 1 - forced),
        weights_sha256=state.sha256,
        sources=told.sources,
        targets=told.targets,
        source_language=told.source_language,
        target_language=None if told.targets else told.target_language,
    )


def _special_tokens(told: Told, suppressed: Suppressed) -> SpecialTokens:
    start_id = next((t.start_id for t in told.targets if t.start_id is not None), END_ID)
    return SpecialTokens(
        decoder_start_id=start_id,
        end_id=END_ID,
        unknown_id=UNKNOWN_ID,
        suppressed_ids=suppressed.ids,
    )


def _read_languages(path: Path, settings: Settings) -> tuple[dict[str, int], dict[str, int], Told]:
    """The dictionaries of sources and targets, and what tells the model its languages."""
    if settings.get("task") in MULTILINGUAL:
        added = added_tokens(settings, path)
        sources, targets = (with_added(ids, added) for ids in read_dictionaries(settings, path))
        return sources, targets, find_told(settings, added, sources, targets)
    languages = settings["source_lang"], settings["target_lang"]
    sources, targets = (read_dictionary(path / f"dict.{each}.txt") for each in languages)
    return sources, targets, Told((), (), (), *languages)


def _note_files(path: Path, problems: Problems) -> None:
    """Notes what is wrong with the tokenizer's files, whichever languages they are of."""
    for dictionary in sorted(path.glob("dict*.txt")):
        with problems.noted():
            read_dictionary(dictionary)
    with problems.noted():
        _find_pieces(path)


class _Pieces(NamedTuple):
    """Where it is said how words are cut; one of the two is there."""

    codes: Path | None
    model: Path | None


def _find_pieces(path: Path) -> _Pieces:
    codes = [path / name for name in CODES if (path / name).is_file()]
    models = [path / name for name in SENTENCEPIECE_MODELS if (path / name).is_file()]
    if len(codes) + len(models) != 1:
        raise CheckpointError(
            f"{path} has {len(codes) + len(models)} of {', '.join((*CODES, *SENTENCEPIECE_MODELS))}"
            "; one is needed, subword-nmt's or fastBPE's codes or a sentencepiece model"
        )
    return _Pieces(next(iter(codes), None), next(iter(models), None))


def _read_tokenizer(
    path: Path,
    special: SpecialTokens,
    told: Told,
    sources: Mapping[str, int],
    targets: Mapping[str, int],
) -> CheckpointTokenizer:
    codes, model_file = _find_pieces(path)
    controls = [START_ID, PAD_ID]
    if codes is not None and told.added:
        raise CheckpointError(
            f"{codes}: words of many languages are cut by Moses, which is told each of them; of "
            "multilingual tasks only sentencepiece is supported"
        )
    if codes is not None:
        marked_sources, marked_targets = map(with_word_ends, (sources, targets))
        return moses_tokenizer(
            Contents(read_merges(codes), _json(marked_sources), _json(marked_targets)),
            Moses(source_language=told.source_language, target_language=told.target_language),
            special,
            marked_sources,
            controls,
        )
    assert model_file is not None
    model, vocabulary, target_vocabulary = model_file.name, "vocab.json", "target_vocab.json"
    files = TokenizerFiles(
        kind="sentencepiece",
        source_model_path=model,
        target_model_path=model,
        vocabulary_path=vocabulary,
        target_vocabulary_path=target_vocabulary,
        control_ids=_steering(controls, told, sources),
        hidden_ids=_steering(controls, told, targets),
    )
    contents: dict[str, Path | str] = {
        model: model_file,
        vocabulary: _json(sources),
        target_vocabulary: _json(targets),
    }
    if not told.added:
        return sentencepiece_tokenizer(contents, files, special, sources)
    safe = text_model(model_file, told.added)
    return CheckpointTokenizer({**contents, model: safe}, files, special)


def _steering(controls: Collection[int], told: Told, ids: Mapping[str, int]) -> list[int]:
    return sorted({ids[token] for token in told.added}.union(controls))


def _json(ids: Mapping[str, int]) -> str:
    return json.dumps(ids, ensure_ascii=False)


def _build(  # noqa: PLR0917 - sizes come last, of sources and targets
    path: Path,
    settings: Settings,
    stored: Mapping[str, Tensor],
    suppressed: Suppressed,
    source_size: int,
    target_size: int,
) -> Blueprint:
    """The model of settings that have sizes, and of dictionaries of these sizes.

    Raises:
        CheckpointError: With everything of the weights that does not fit them.
    """
    tensors = _native_tensors(_upgraded(stored))
    is_one = settings["share_all_embeddings"] or SOURCES not in stored
    is_one = is_one or _same(stored, SOURCES, TARGETS)
    is_one = bool(is_one) and source_size == target_size
    if not is_one and SOURCES in stored:
        tensors[weights.SOURCES] = Stored(SOURCES, stored[SOURCES])
    if TARGETS in stored:
        tensors[weights.TARGETS] = Stored(TARGETS, stored[TARGETS])
    output = next((name for name in OUTPUTS if name in stored), None)
    may_be_tied = settings["share_all_embeddings"] or settings["share_decoder_input_output_embed"]
    is_tied = may_be_tied if output is None else _same(stored, output, TARGETS)
    if output is not None and not is_tied:
        tensors[weights.OUTPUT] = Stored(output, stored[output])
    config = transformer_config(
        settings,
        None if is_one else source_size,
        target_size,
        tied_output=bool(is_tied),
        final_norm=bool(settings["encoder_normalize_before"])
        and any(f"{side}.layer_norm.weight" in stored for side in SIDES),
    )
    require_sizes(config, tensors, path)
    positions = _positions(settings, stored, config.max_positions, config.model_dim)
    return plan(
        replace(config, own_positions=positions.differ),
        {**tensors, **positions.native_tensors()},
        path,
        problems=positions.problems,
        finish=suppressed.apply,
    )


def _same(tensors: Mapping[str, Tensor], first: str, second: str) -> bool:
    return first in tensors and second in tensors and are_equal(tensors[first], tensors[second])


def _upgraded(stored: Mapping[str, Tensor]) -> dict[str, Stored]:
    """Tensors of layers under the names of 2019, by which older ones have been cut or renamed."""
    upgraded: dict[str, Stored] = {}
    for name, tensor in stored.items():
        side = name.partition(".")[0]
        if name in (SOURCES, TARGETS, *OUTPUTS) or name.endswith(NO_LAYER):
            continue
        if side in SIDES and name == LEARNED.format(side):
            continue
        if ".in_proj_" in name:
            start, _, kind = name.partition("in_proj_")
            for projection, part in zip(PROJECTIONS, tensor.chunk(3), strict=True):
                upgraded[f"{start}{projection}.{kind}"] = Stored(name, part)
            continue
        renamed = name
        for index, norm in enumerate(OLD_NORMS.get(side, ())):
            renamed = renamed.replace(f".layer_norms.{index}.", f".{norm}.")
        upgraded[renamed] = Stored(name, tensor)
    return upgraded


def _native_tensors(tensors: Mapping[str, Stored]) -> dict[str, Stored]:
    """By their names in the native layout; strays keep their own."""
    native = {}
    for name, tensor in tensors.items():
        ours = name
        for part, native_part in PARTS.items():
            ours = ours.replace(part, native_part)
        native[ours] = tensor
    return native


def _positions(
    settings: Settings, stored: Mapping[str, Tensor], positions: int, dim: int
) -> Positions:
    """Learned ones from the row after the padding token's on; or sinusoids, counted likewise."""
    problems, tables = [], []
    before = PAD_ID + 1
    longest = (settings["max_source_positions"], settings["max_target_positions"])
    for side, rows in zip(SIDES, longest, strict=True):
        name = LEARNED.format(side)
        if not settings[f"{side}_learned_pos"]:
            tables.append(Stored(name, fairseq_sinusoids(positions, dim, first=before)))
            continue
        table, shape = stored.get(name), (before + rows, dim)
        if table is None or table.shape != shape:
            found = "is missing" if table is None else f"has shape {tuple(table.shape)}"
            problems.append(f"{name} {found}; {shape} is needed")
            table = torch.zeros(shape)
        tables.append(Stored(name, table[before : before + positions]))
    return Positions(tables[0], tables[1], problems)
