"""A bundle with the graphs of a CUDA bundle in float32, which the CPU provider runs."""

from pathlib import Path

from dragoman.v1 import bundle_pb2
from dragoman_export import bundle, manifest
from dragoman_export.alignment import AlignmentHeads
from dragoman_export.drafts import Draft
from dragoman_export.families import import_model
from dragoman_export.families.languages import find_languages
from dragoman_export.graphs.copy_graph import write_copy_graph
from dragoman_export.graphs.files import write_graphs
from dragoman_export.graphs.formats import ONNX_CUDA
from dragoman_export.graphs.target import CUDA
from dragoman_export.graphs.trace import trace
from dragoman_export.verification.verify import Parity

HEADS = AlignmentHeads(layer=0, heads=(0,), after_token=False, chosen_by="model_1", figure=0.0)
"""Any: nothing was measured."""


def write_stand_in(path: Path, output: Path) -> bundle_pb2.Manifest:
    """Writes it without verifying it."""
    model = import_model(path)
    output.mkdir(parents=True)
    write_graphs(trace(model.transformer, CUDA, with_attention=True), output)
    write_copy_graph(output)
    model.tokenizer.save(output / manifest.TOKENIZER_DIRECTORY)
    draft = Draft(
        output, model.transformer.config, None, Parity(0, 0, 0, 0, 0.0, 0.0), graph_format=ONNX_CUDA
    )
    description = manifest.describe(
        name="stand-in",
        languages=find_languages(model, None, None),
        precision="float32",
        draft=draft,
        checkpoint=path,
        model=model,
        alignment_heads=HEADS,
    )
    bundle.write_manifest(description, output)
    return description
