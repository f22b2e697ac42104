"""What is counted of one model: translations that are its library's, ties, and differences.

Knows formats and beam sizes. Does not know how anything is translated.
"""

from dataclasses import dataclass, field, replace

from dragoman_export.graphs import FormatName
from tests.families.compare import TIE

BEAM_SIZES = (1, 4)

FORMATS: tuple[FormatName, ...] = ("onnx", "torchscript", "pt2")


@dataclass
class Count:
    """How many translations are the same."""

    equal: int = 0
    ties: int = 0
    different: int = 0
    left_out: int = 0
    """What the two are not to be compared in."""

    def __str__(self) -> str:
        out = f" ({self.left_out} left out)" if self.left_out else ""
        return f"{self.equal} / {self.ties} / {self.different}{out}"


Counts = dict[tuple[FormatName, int], Count]
"""By the bundle's format and the beam size."""


def every_count(count: Count) -> Counts:
    """The same of every format and beam size, each a count of its own."""
    return {(name, size): replace(count) for name in FORMATS for size in BEAM_SIZES}


@dataclass
class Measured:
    """What came of a model."""

    settings: str
    counts: Counts
    distinct: int = 0
    """Different greedy translations."""
    score_difference: float = 0.0
    """The largest, of a token's log-probability or of a hypothesis' score."""
    int8_difference: float | None = None
    """Mean, of a token's log-probability, with calibrated scales; of ONNX graphs, if measured."""
    told: list[str] = field(default_factory=list)
    """Differences, as text."""

    @classmethod
    def failed(cls, told: str) -> "Measured":
        """Of a model that could not be measured."""
        return cls("failed", every_count(Count(different=1)), told=[told])

    @property
    def is_same(self) -> bool:
        """Whether nothing differs, and scores are equal."""
        different = sum(count.different for count in self.counts.values())
        return different == 0 and self.score_difference < TIE
