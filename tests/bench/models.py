"""The models that are compared, and their files for each system under build/bench.

The shipped checkpoint, and some of transformer-base's size with random weights: their translations
are noise, their speed is that of trained ones as long as output lengths are forced.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from dragoman_export.drafts import ScaleChoice
from dragoman_export.export import ExportRequest, export
from dragoman_export.sentences import SENTENCES
from tests.bench.ctranslate2_model import convert
from tests.bench.optimum_environment import interpreter, make_environment
from tests.bench.progress import stage
from tests.bench.random_model import BASE, BASE_256K, write_random_model
from tests.bench.systems import Precision

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "export/checkpoints/marian-en-de"
BUILD = ROOT / "build/bench"

ModelName = Literal["shipped", "base", "base-256k"]
EVERYWHERE: tuple[ModelName, ...] = ("shipped", "base")
"""What every benchmark takes unless others are asked for."""

RANDOM = {"base": BASE, "base-256k": BASE_256K}

FEW_SENTENCES = SENTENCES[::8]
"""Enough for random weights: noise is decoded to the longest length, always alike."""


@dataclass(frozen=True)
class Model:
    """What is compared on a checkpoint."""

    name: str
    checkpoint: Path
    sentences: tuple[str, ...]
    """Export verifies on these."""
    forced_lengths: bool
    """Whether every translation is decoded to its reference's length."""
    compared: int
    """Sentences that are translated, of those that there are: fewer where it takes minutes."""
    generated: int
    """Sentences that `generate` translates, of the compared."""
    activation_scales: ScaleChoice = "auto"
    """Of its int8 bundle."""


class Files(NamedTuple):
    """One model in one precision, as each system reads it."""

    checkpoint: Path
    bundle: Path
    ctranslate2: Path
    optimum: Path
    """Float32, whatever the precision; written by `prepare_optimum`."""


def load_model(name: ModelName) -> Model:
    """Returns a model; a random one is written where it is not there yet."""
    if name == "shipped":
        return Model(name, SHIPPED, SENTENCES, forced_lengths=False, compared=600, generated=600)
    checkpoint = BUILD / f"checkpoints/marian-{name}-random"
    if not (checkpoint / "config.json").exists():
        with stage(f"{name}: random weights"):
            write_random_model(checkpoint, SHIPPED, RANDOM[name])
    return Model(name, checkpoint, FEW_SENTENCES, forced_lengths=True, compared=300, generated=100)


def find_files(model: Model, precision: Precision) -> Files:
    """Returns where a model's files lie or will lie."""
    return Files(
        model.checkpoint,
        BUILD / f"bundles/{model.name}-{precision}",
        BUILD / f"ctranslate2/{model.name}-{precision}",
        BUILD / f"optimum/{model.name}",
    )


def prepare(model: Model, precision: Precision) -> Files:
    """Converts the checkpoint for each system, always anew: the exporter may have changed.

    Raises:
        ExportError: The bundle cannot be written; the message says why.
    """
    files = find_files(model, precision)
    request = ExportRequest(
        checkpoint=model.checkpoint,
        output=files.bundle,
        precision=precision,
        sentences=model.sentences,
        name=model.name,
        activation_scales="auto" if precision == "float32" else model.activation_scales,
        force=True,
    )
    export(request, lambda what: stage(f"{model.name}, {precision}: {what}"))
    with stage(f"{model.name}, {precision}: ctranslate2"):
        convert(model.checkpoint, files.ctranslate2, precision)
    return files


def prepare_optimum(files: Files) -> None:
    """Exports the checkpoint as Optimum does, in its environment, where that was not done yet.

    Raises:
        subprocess.CalledProcessError: It failed; its stderr went to ours.
    """
    make_environment()
    if (files.optimum / "config.json").exists():
        return
    with stage(f"{files.optimum.name}: optimum"):
        module = [str(interpreter("optimum")), "-m", "tests.bench.optimum_model"]
        subprocess.run([*module, str(files.checkpoint), str(files.optimum)], check=True)
