"""The models that are compared, and their files for each system under build/bench.

The shipped checkpoint, and one of transformer-base's size with random weights: its translations
are noise, its speed is that of a trained one as long as output lengths are forced.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from dragoman_export.export import ExportRequest, export
from dragoman_export.sentences import SENTENCES
from tests.bench.ctranslate2_model import convert
from tests.bench.progress import stage
from tests.bench.random_model import write_random_model
from tests.bench.systems import Precision

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "export/checkpoints/marian-en-de"
BUILD = ROOT / "build/bench"

ModelName = Literal["shipped", "base"]

BASE_SENTENCES = SENTENCES[::8]
"""Enough: noise is decoded to the longest length, sentence by sentence the same."""


@dataclass(frozen=True)
class Model:
    """What is compared on a checkpoint."""

    name: ModelName
    checkpoint: Path
    sentences: tuple[str, ...]
    """Export verifies on these."""
    forced_lengths: bool
    """Whether every translation is decoded to its reference's length."""


class Files(NamedTuple):
    """One model in one precision, as each system reads it."""

    checkpoint: Path
    bundle: Path
    ctranslate2: Path


def load_model(name: ModelName) -> Model:
    """Returns a model; the random one is written where it is not there yet."""
    if name == "shipped":
        return Model(name, SHIPPED, SENTENCES, forced_lengths=False)
    checkpoint = BUILD / "checkpoints/marian-base-random"
    if not (checkpoint / "config.json").exists():
        with stage("base: random weights"):
            write_random_model(checkpoint, SHIPPED)
    return Model(name, checkpoint, BASE_SENTENCES, forced_lengths=True)


def prepare(model: Model, precision: Precision) -> Files:
    """Converts the checkpoint for each system, always anew: the exporter may have changed.

    Raises:
        ExportError: The bundle cannot be written; the message says why.
    """
    files = Files(
        model.checkpoint,
        BUILD / f"bundles/{model.name}-{precision}",
        BUILD / f"ctranslate2/{model.name}-{precision}",
    )
    request = ExportRequest(
        checkpoint=model.checkpoint,
        output=files.bundle,
        precision=precision,
        sentences=model.sentences,
        name=model.name,
        force=True,
    )
    export(request, lambda what: stage(f"{model.name}, {precision}: {what}"))
    with stage(f"{model.name}, {precision}: ctranslate2"):
        convert(model.checkpoint, files.ctranslate2, precision)
    return files
