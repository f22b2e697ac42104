"""Turns a checkpoint into a bundle: load, quantise, trace, verify, save."""

import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dragoman.v1 import bundle_pb2
from dragoman_export import bundle, manifest
from dragoman_export.checkpoints import model_name, read_checkpoint, reading, tidied
from dragoman_export.drafts import Draft, ScaleChoice
from dragoman_export.errors import UsageError
from dragoman_export.families import LanguagePair, import_model, language_pairs
from dragoman_export.manifest import Precision, require_name
from dragoman_export.model import ImportedModel
from dragoman_export.output import require_room
from dragoman_export.sentences import SCRIPTS
from dragoman_export.verification import (
    Done,
    ReferenceDecoder,
    ReferenceTokenizer,
    Said,
    listen,
    require_close,
    require_same,
    require_same_texts,
    require_same_tokens,
)
from dragoman_export.workbench import Stage, Workbench

LEAST_BYTES: dict[Precision, int] = {"float32": 4, "float16": 4, "bfloat16": 4, "int8": 1}
"""Of disk for each number of a model, while its bundle is made. Graphs for a GPU are verified in
float32."""


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """What to export and where to."""

    checkpoint: Path

    output: Path
    """Directory of the bundle."""

    precision: Precision

    sentences: Sequence[str]
    """Verified on these."""

    name: str | None = None
    """Of the model; None takes the checkpoint's, see `checkpoints.model_name`."""

    source_language: str | None = None
    """Language code; None takes the checkpoint's."""

    target_language: str | None = None
    """Likewise; one of several takes that one alone."""

    activation_scales: ScaleChoice = "auto"
    """How int8 activations are scaled."""

    force: bool = False
    """Replace the bundle that lies at `output`."""


def export(
    request: ExportRequest, stage: Stage, done: Done = lambda _: None
) -> bundle_pb2.Manifest:
    """Writes a bundle and returns its manifest.

    Args:
        request: What to export and where to.
        stage: Told of each stage.
        done: Told how far a stage is, while it lasts.

    Raises:
        ExportError: Nothing was written; the message says why.
    """
    if request.precision != "int8" and request.activation_scales != "auto":
        raise UsageError("--activation-scales goes with --precision int8")
    name = request.name if request.name is not None else model_name(request.checkpoint)
    require_name(name)
    with bundle.staged(
        request.output, checkpoint=request.checkpoint, force=request.force
    ) as directory:
        return _write(request, name, directory, stage, done)


def _write(
    request: ExportRequest, name: str, directory: Path, stage: Stage, done: Done
) -> bundle_pb2.Manifest:
    with stage("load"), reading(request.checkpoint):
        checkpoint = read_checkpoint(request.checkpoint)
        model = import_model(checkpoint)
        pairs, remarks = language_pairs(model, request.source_language, request.target_language)
    for remark in remarks:
        with stage(remark):
            pass
    numbers = sum(each.numel() for each in model.transformer.parameters())
    require_room(directory, numbers * LEAST_BYTES[request.precision])
    said = _said(request, model, pairs, stage, done)
    with tempfile.TemporaryDirectory(dir=directory) as attempts:
        draft = _draft(request, Workbench(model, said, Path(attempts), stage, done))
        draft.move(directory)
    model.tokenizer.save(directory / manifest.TOKENIZER_DIRECTORY)
    description = manifest.describe(
        name=name,
        pairs=pairs,
        precision=request.precision,
        draft=draft,
        checkpoint=checkpoint,
        model=model,
    )
    with stage("save"):
        bundle.write_manifest(description, directory)
    return description


def _said(
    request: ExportRequest,
    model: ImportedModel,
    pairs: Sequence[LanguagePair],
    stage: Stage,
    done: Done,
) -> list[Said]:
    """What the checkpoint's own implementation says of the sentences to verify on.

    Raises:
        VerificationError: Its tokenizer makes other tokens of a text, or another text of tokens.
    """
    sources = _sources(request, model, pairs)
    texts = [*request.sentences, *SCRIPTS, *model.tokenizer.probes()]
    with reading(request.checkpoint), tidied(request.checkpoint) as tidy:
        own = ReferenceTokenizer(tidy, model.tokenizer.control_names())
        require_same_tokens(own, model.tokenizer, texts)
        with stage(f"translate {len(sources)} sentences in PyTorch"):
            said = listen(_reference(tidy, model), sources, model.max_decoding_length, done)
        require_same_texts(own, model.tokenizer, [hypothesis.token_ids for _, hypothesis in said])
    return said


def _sources(
    request: ExportRequest, model: ImportedModel, pairs: Sequence[LanguagePair]
) -> list[list[int]]:
    """Token ids of the sentences to verify on, as the server would make them; all pairs in turn."""
    turns = itertools.cycle(pairs)
    sources = [
        [*next(turns).source_prefix_ids, *model.tokenizer.encode(sentence)]
        for sentence in request.sentences
    ]
    longest, most = max(map(len, sources), default=0), model.transformer.config.max_positions
    if not sources or longest > most:
        raise UsageError(f"sentences to verify on: 1 or more, of at most {most} tokens")
    return sources


def _reference(checkpoint: Path, model: ImportedModel) -> ReferenceDecoder:
    return ReferenceDecoder(
        checkpoint, model.pad_id, model.end_id, model.decoder_start_id, model.reference_settings
    )


def _draft(request: ExportRequest, bench: Workbench) -> Draft:
    """The graphs to save. Float32 ones may lose nothing, others little.

    Raises:
        VerificationError: They lose more.
    """
    if request.precision == "float32":
        draft = bench.float32()
        require_same(draft.parity)
        return draft
    if request.precision != "int8":
        draft = bench.half(request.precision)
    elif request.activation_scales == "auto":
        draft = bench.better(bench.int8("calibrated"), bench.int8("per_row"))
    else:
        draft = bench.int8(request.activation_scales)
    require_close(draft.parity, request.precision)
    return draft
