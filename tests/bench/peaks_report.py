"""What a processor can do at most, and what share of it a run used."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.origin import Origin, write_report
from tests.bench.report import Contender
from tests.bench.systems import CORES

WEIGHT_BYTES = {"float32": 4, "int8": 1}


@dataclass(frozen=True)
class Peak:
    """Of so many cores at once."""

    cores: int
    multiply_adds: dict[str, float]
    """A second, by precision, of a large matrix product."""
    bandwidth: dict[str, float]
    """Bytes a second between memory and processor, by how it was measured."""

    @property
    def best_bandwidth(self) -> float:
        """Bytes a second, however measured."""
        return max(self.bandwidth.values())


@dataclass(frozen=True)
class PeaksReport:
    """Everything that a benchmark found."""

    origin: Origin
    peaks: list[Peak]

    def save(self, path: Path) -> None:
        """Writes JSON."""
        write_report(path, "peaks", self)

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "PeaksReport":
        """Reads what `save` wrote."""
        return cls(**fields | {"peaks": [Peak(**entry) for entry in fields["peaks"]]})

    @property
    def all_cores(self) -> Peak:
        """That of what the offline runs had.

        Raises:
            ValueError: It was not measured.
        """
        for peak in self.peaks:
            if peak.cores == CORES:
                return peak
        raise ValueError(f"the peak of {CORES} cores was not measured")


class Share(NamedTuple):
    """Of the physical limit, in the median of an offline contender's runs."""

    contender: Contender
    multiply_adds: float
    """A second, of those that the translations need."""
    of_peak: float
    weight_bytes: float
    """A second, read by decoding steps: every weight of the decoder once a step."""
    of_bandwidth: float
    """May pass 1 where the weights stay in the processor's caches."""


def shares(contenders: Sequence[Contender], peak: Peak) -> list[Share]:
    """Returns what each contender used."""
    return [_share(contender, peak) for contender in contenders]


def _share(contender: Contender, peak: Peak) -> Share:
    needed = contender.median(lambda run: run.passes * contender.multiply_adds / run.seconds)
    step_bytes = contender.step_weights * WEIGHT_BYTES[contender.precision]
    read = contender.median(lambda run: run.steps * step_bytes / run.seconds)
    of_peak = needed / peak.multiply_adds[contender.precision]
    return Share(contender, needed, of_peak, read, read / peak.best_bandwidth)


def peaks_table(peaks: Sequence[Peak]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Returns headings and a line for each number of cores."""
    operations, ways = list(peaks[0].multiply_adds), list(peaks[0].bandwidth)
    headings = [
        "cores",
        *(f"{precision}, G multiply-adds/s" for precision in operations),
        *(f"memory, {way}, GB/s" for way in ways),
    ]
    return headings, [
        (
            str(peak.cores),
            *(f"{peak.multiply_adds[precision] / 1e9:,.0f}" for precision in operations),
            *(f"{peak.bandwidth[way] / 1e9:.1f}" for way in ways),
        )
        for peak in peaks
    ]


SHARE_HEADINGS = (
    "model",
    "precision",
    "beam",
    "system",
    "G multiply-adds/s",
    "of the peak",
    "MB of weights a step",
    "mean rows a step",
    "weights read, GB/s",
    "of the bandwidth",
)


def shares_table(
    contenders: Sequence[Contender], peak: Peak
) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Returns headings and a line for each contender."""
    return SHARE_HEADINGS, [_cells(share) for share in shares(contenders, peak)]


def _cells(share: Share) -> tuple[str, ...]:
    contender = share.contender
    step_bytes = contender.step_weights * WEIGHT_BYTES[contender.precision]
    tokens = contender.median(lambda run: run.tokens / run.steps)
    return (
        contender.model,
        contender.precision,
        str(contender.beam_size),
        contender.system,
        f"{share.multiply_adds / 1e9:,.1f}",
        f"{share.of_peak:.1%}".replace("%", " %"),
        f"{step_bytes / 1e6:,.1f}",
        f"{tokens * contender.beam_size:,.1f}",
        f"{share.weight_bytes / 1e9:.2f}",
        f"{share.of_bandwidth:.1%}".replace("%", " %"),
    )
