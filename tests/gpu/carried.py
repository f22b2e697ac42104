"""What is made where there is no GPU and carried to where there is one: bundles and a workload.

    python -m tests.gpu.prepare --output build/gpu

makes it, and an archive of it; DRAGOMAN_GPU_CARRIED says where it lies, else build/gpu.
"""

import json
import os
from pathlib import Path
from typing import Literal, NamedTuple

from tests.gpu.bare import ROOT

DIRECTORY = Path(os.environ.get("DRAGOMAN_GPU_CARRIED", ROOT / "build/gpu"))

DEVICE: Literal["cuda", "cpu"] = "cpu" if os.environ.get("DRAGOMAN_GPU_DEVICE") == "cpu" else "cuda"
"""cpu tries the tests and the benchmark themselves, with float32 graphs in the places of ONNX's."""

Precision = Literal["float16", "bfloat16", "int8"]


class CarriedBundle(NamedTuple):
    """A bundle of the shipped checkpoint."""

    format: Literal["onnx", "torchscript", "pt2"]
    precision: Precision

    @property
    def name(self) -> str:
        """Of its directory."""
        return f"{self.format}-{self.precision}"

    @property
    def path(self) -> Path:
        """Where it lies."""
        return DIRECTORY / self.name


FOR_ONNXRUNTIME = (CarriedBundle("onnx", "float16"), CarriedBundle("onnx", "bfloat16"))

FOR_TORCH = (
    CarriedBundle("torchscript", "float16"),
    CarriedBundle("torchscript", "bfloat16"),
    CarriedBundle("pt2", "float16"),
)

ON_CORES = CarriedBundle("onnx", "int8")
ON_CORES_WITH_TORCH = CarriedBundle("torchscript", "bfloat16")
"""What is run on the machine's CPU, and what in its place where there is no onnxruntime."""

WORKLOAD = "workload.json"

BEAM_SIZES = (1, 4)

MAX_LENGTH = 100
"""Most target tokens."""


Weights = list[list[list[list[float]]]]
"""Of cross-attention: (layers, heads, target, source)."""


class Workload(NamedTuple):
    """Sentences as token ids, and what float32 on a CPU makes of them."""

    sources: list[list[int]]

    expected: dict[int, list[list[int]]]
    """Target tokens by beam size."""

    cross: list[Weights]
    """Of the first sentences and their greedy translations, the start token with them."""

    @property
    def longest(self) -> int:
        """Most tokens of a source."""
        return max(map(len, self.sources))

    def write(self, directory: Path) -> None:
        """Writes workload.json."""
        (directory / WORKLOAD).write_text(json.dumps(self._asdict()))

    @classmethod
    def read(cls, directory: Path) -> "Workload":
        """Reads it.

        Raises:
            FileNotFoundError: Nothing was carried along.
        """
        content = json.loads((directory / WORKLOAD).read_text())
        expected = {int(size): targets for size, targets in content["expected"].items()}
        return cls(content["sources"], expected, content["cross"])
