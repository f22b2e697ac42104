"""What the benchmarks found, read from their files. Does not know how it is told."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.bench.front_end_report import FrontEndReport
from tests.bench.growth_report import GrowthReport
from tests.bench.large_report import LargeReport
from tests.bench.latency_report import LatencyReport
from tests.bench.load_report import LoadReport
from tests.bench.origin import read_report
from tests.bench.peaks_report import PeaksReport
from tests.bench.report import Report
from tests.bench.served_report import ServedReport


@dataclass
class Results:
    """Reports by kind, in the order of their files."""

    offline: list[Report] = field(default_factory=list)
    served: list[ServedReport] = field(default_factory=list)
    latency: list[LatencyReport] = field(default_factory=list)
    growth: list[GrowthReport] = field(default_factory=list)
    peaks: list[PeaksReport] = field(default_factory=list)
    load: list[LoadReport] = field(default_factory=list)
    front_end: list[FrontEndReport] = field(default_factory=list)
    large: list[LargeReport] = field(default_factory=list)

    @classmethod
    def read(cls, paths: Iterable[Path]) -> Self:
        """Reads what the benchmarks wrote.

        Raises:
            ValueError: A file is something else.
        """
        results = cls()
        for path in paths:
            kind, fields = read_report(path)
            match kind:
                case "offline":
                    results.offline.append(Report.parse(fields))
                case "served":
                    results.served.append(ServedReport.parse(fields))
                case "latency":
                    results.latency.append(LatencyReport.parse(fields))
                case "growth":
                    results.growth.append(GrowthReport.parse(fields))
                case "peaks":
                    results.peaks.append(PeaksReport.parse(fields))
                case "load":
                    results.load.append(LoadReport.parse(fields))
                case "front_end":
                    results.front_end.append(FrontEndReport.parse(fields))
                case "large":
                    results.large.append(LargeReport.parse(fields))
        return results
