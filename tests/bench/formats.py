"""The shipped checkpoint in every format of graphs that is compared on the CPU."""

from pathlib import Path
from typing import NamedTuple

from dragoman_export.export import ExportRequest, export
from dragoman_export.graphs import FormatName
from dragoman_export.manifest import Precision
from dragoman_export.sentences import SENTENCES
from tests.bench.models import BUILD, SHIPPED
from tests.bench.progress import stage


class Graphs(NamedTuple):
    """What is exported."""

    format: FormatName
    precision: Precision

    @property
    def title(self) -> str:
        """In tables."""
        return f"{self.format}, {self.precision}"

    @property
    def path(self) -> Path:
        """Of the bundle."""
        return BUILD / f"bundles/shipped-{self.format}-{self.precision}"


BASELINE = Graphs("onnx", "float32")

ALL = (
    BASELINE,
    Graphs("torchscript", "float32"),
    Graphs("pt2", "float32"),
    Graphs("torchscript", "bfloat16"),
    Graphs("onnx", "int8"),
)


def prepare(graphs: Graphs) -> None:
    """Exports the shipped checkpoint anew."""
    request = ExportRequest(
        checkpoint=SHIPPED,
        output=graphs.path,
        precision=graphs.precision,
        format=graphs.format,
        sentences=SENTENCES,
        force=True,
    )
    export(request, lambda what: stage(f"{graphs.title}: {what}"))
