"""Turns a checkpoint into a bundle: load, quantise, trace, verify, save."""

import itertools
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from dragoman.v1 import bundle_pb2
from dragoman_export import bundle, manifest, tokenizer, verify
from dragoman_export.checkpoint import Checkpoint, read_checkpoint
from dragoman_export.errors import UsageError
from dragoman_export.graph_decoding import GraphDecoder
from dragoman_export.graph_files import write_graphs
from dragoman_export.languages import LanguagePair, language_pairs
from dragoman_export.manifest import Precision
from dragoman_export.marian import import_marian
from dragoman_export.model import ImportedModel
from dragoman_export.quantise import quantise
from dragoman_export.reference import ReferenceDecoder, ReferenceTokenizer
from dragoman_export.tokenizer import SourceTokenizer
from dragoman_export.trace import trace
from dragoman_export.verify import Parity, require_same_tokens

Stage = Callable[[str], AbstractContextManager[None]]
"""Told what is done now; the context ends when it is done."""


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
    """Of the model; None takes the checkpoint directory's."""

    source_language: str | None = None
    """Language code; None takes the checkpoint's."""

    target_language: str | None = None
    """Likewise; one of several takes that one alone."""

    force: bool = False
    """Replace the bundle that lies at `output`."""


def export(request: ExportRequest, stage: Stage) -> bundle_pb2.Manifest:
    """Writes a bundle and returns its manifest.

    Raises:
        ExportError: Nothing was written; the message says why.
    """
    bundle.refuse_occupied(request.output, force=request.force)
    with stage("load"):
        checkpoint = read_checkpoint(request.checkpoint)
        model = import_marian(checkpoint)
        pairs = language_pairs(model, request.source_language, request.target_language)
        sources = _sources(request, model, pairs)
    if request.precision == "int8":
        with stage("quantise"):
            quantise(model.transformer)
    with bundle.staged(request.output, force=request.force) as directory:
        with stage("trace"):
            write_graphs(trace(model.transformer), directory)
        _copy_tokenizer(request.checkpoint, directory / manifest.TOKENIZER_DIRECTORY)
        with stage(f"verify on {len(sources)} sentences"):
            parity = _verify(request, checkpoint, model, directory, sources)
        description = manifest.describe(
            name=request.name or request.checkpoint.resolve().name,
            pairs=pairs,
            precision=request.precision,
            checkpoint=checkpoint,
            model=model,
            parity=parity,
        )
        with stage("save"):
            bundle.write_manifest(description, directory)
    return description


def _sources(
    request: ExportRequest, model: ImportedModel, pairs: Sequence[LanguagePair]
) -> list[list[int]]:
    """Token ids of the sentences to verify on, as the server would make them; all pairs in turn.

    Raises:
        VerificationError: The checkpoint's own tokenizer makes others.
    """
    encoder = SourceTokenizer(
        request.checkpoint / tokenizer.SOURCE_MODEL,
        model.vocabulary,
        model.unknown_id,
        model.end_id,
    )
    encoded = [encoder.encode(sentence) for sentence in request.sentences]
    require_same_tokens(ReferenceTokenizer(request.checkpoint), request.sentences, encoded)
    turns = itertools.cycle(pairs)
    sources = [[*next(turns).source_prefix_ids, *token_ids] for token_ids in encoded]
    longest, most = max(map(len, sources), default=0), model.transformer.config.max_positions
    if not sources or longest > most:
        raise UsageError(f"sentences to verify on: 1 or more, of at most {most} tokens")
    return sources


def _copy_tokenizer(checkpoint: Path, directory: Path) -> None:
    directory.mkdir()
    for name in tokenizer.FILES:
        shutil.copyfile(checkpoint / name, directory / name)


def _verify(
    request: ExportRequest,
    checkpoint: Checkpoint,
    model: ImportedModel,
    directory: Path,
    sources: Sequence[Sequence[int]],
) -> Parity:
    """What quantised graphs lose is measured; float32 graphs may lose nothing."""
    pad_id = checkpoint.config["pad_token_id"]
    reference = ReferenceDecoder(checkpoint.path, pad_id, model.end_id, model.decoder_start_id)
    graphs = GraphDecoder(directory, model)
    parity = verify.measure(reference, graphs, sources, model.max_decoding_length)
    if request.precision == "float32":
        verify.require_same(parity)
    return parity
