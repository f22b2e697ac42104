"""A bundle with the graphs of a CUDA bundle in float32, which the CPU provider runs."""

from pathlib import Path

from dragoman.v1 import bundle_pb2
from dragoman_export import bundle, manifest
from dragoman_export.checkpoint import read_checkpoint
from dragoman_export.copy_graph import write_copy_graph
from dragoman_export.drafts import Draft
from dragoman_export.export import _copy_tokenizer
from dragoman_export.graph_files import write_graphs
from dragoman_export.languages import language_pairs
from dragoman_export.marian import import_marian
from dragoman_export.target import CUDA
from dragoman_export.trace import trace
from dragoman_export.verify import Parity


def write_stand_in(path: Path, output: Path) -> bundle_pb2.Manifest:
    """Writes it without verifying it."""
    checkpoint = read_checkpoint(path)
    model = import_marian(checkpoint)
    output.mkdir(parents=True)
    write_graphs(trace(model.transformer, CUDA), output)
    write_copy_graph(output)
    _copy_tokenizer(path, output / manifest.TOKENIZER_DIRECTORY)
    draft = Draft(output, model.transformer.config, None, Parity(0, 0, 0, 0, 0.0, 0.0), target=CUDA)
    description = manifest.describe(
        name="stand-in",
        pairs=language_pairs(model, None, None),
        precision="float32",
        draft=draft,
        checkpoint=checkpoint,
        model=model,
    )
    bundle.write_manifest(description, output)
    return description
