"""A model's graphs as they were tried out, and the choice between those of one precision.

Knows the two ways to scale int8 activations. Does not know what a bundle holds beside graphs.
"""

import shutil
from pathlib import Path
from typing import Literal, NamedTuple

from dragoman_export.graphs import ONNX_CPU, GraphFormat
from dragoman_export.network import TransformerConfig
from dragoman_export.precision import ActivationScales
from dragoman_export.verification import Parity

MeasuredWith = Literal["onnxruntime", "pytorch", "torch"]
"""What ran what parity was measured on: the graphs themselves in onnxruntime, the modules that they
were traced from, or the graphs themselves in PyTorch."""

ScaleChoice = Literal["auto", "calibrated", "per_row"]
"""How to scale activations; "auto" measures both ways and chooses."""

LARGEST_RATIO = 2.0
"""Of the mean difference that calibrated scales cost to that of per-row ones. A constant scale
reaches to the largest input of all, a row's own only to the row's: its steps are coarser. Twice the
difference is what one bit of precision is worth; faster graphs are worth no more than that."""

NEGLIGIBLE = 0.01
"""A mean difference that is no reason for anything: 1 % of a token's probability."""


class Draft(NamedTuple):
    """Graphs and what they were found to be worth."""

    directory: Path

    config: TransformerConfig

    activation_scales: ActivationScales | None
    """None where it is not int8."""

    parity: Parity

    measured_with: MeasuredWith = "onnxruntime"

    graph_format: GraphFormat = ONNX_CPU

    stand_in: Path | None = None
    """Where the same graphs lie in float32, if those of `directory` are for a GPU."""

    def move(self, directory: Path) -> None:
        """Puts the graphs into `directory`."""
        for file in sorted(self.directory.iterdir()):
            shutil.move(file, directory / file.name)

    def __str__(self) -> str:
        return f"{self.activation_scales} ({self.parity.mean_log_prob_difference:.2g})"


def choose(calibrated: Draft, per_row: Draft) -> Draft:
    """The calibrated one, which is faster, unless it costs quality."""
    most = max(LARGEST_RATIO * per_row.parity.mean_log_prob_difference, NEGLIGIBLE)
    return calibrated if calibrated.parity.mean_log_prob_difference <= most else per_row
