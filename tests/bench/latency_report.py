"""Single-stream measurements and what is told of them. Knows nothing of how they came."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.latency_worker import LatencyRun
from tests.bench.origin import Origin, write_report
from tests.bench.report import PEER


@dataclass(frozen=True)
class Stream:
    """One system at one setting with one model, precision and beam: its runs, one a round."""

    model: str
    precision: str
    beam_size: int
    system: str
    threads: int
    runs: list[LatencyRun]

    def median(self, figure: Callable[[LatencyRun], float]) -> float:
        """Of all its runs."""
        return statistics.median(map(figure, self.runs))

    @property
    def title(self) -> str:
        """Who it is, without the model."""
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.system}, {threads}"


@dataclass(frozen=True)
class LatencyReport:
    """Everything that a benchmark found."""

    origin: Origin
    corpus: str
    streams: list[Stream]

    @property
    def models(self) -> list[str]:
        """Names of the models, in their order."""
        return list(dict.fromkeys(stream.model for stream in self.streams))

    def save(self, path: Path) -> None:
        """Writes JSON."""
        write_report(path, "latency", self)

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "LatencyReport":
        """Reads what `save` wrote."""
        streams = [
            Stream(**entry | {"runs": [LatencyRun(**run) for run in entry["runs"]]})
            for entry in fields["streams"]
        ]
        return cls(**fields | {"streams": streams})


class LatencyRow(NamedTuple):
    """A stream's figures, in milliseconds a sentence."""

    stream: Stream
    p50: float
    p99: float
    mean: float
    ratio: float | None
    """Of p50 to that of the peer's faster setting: below 1 is faster than it."""


def latency_rows(streams: Sequence[Stream]) -> list[LatencyRow]:
    """Returns each stream's figures."""
    return [
        LatencyRow(
            stream,
            stream.median(lambda run: run.p50_ms),
            stream.median(lambda run: run.p99_ms),
            stream.median(lambda run: run.mean_ms),
            _ratio(stream, streams),
        )
        for stream in streams
    ]


def _ratio(stream: Stream, streams: Sequence[Stream]) -> float | None:
    peers = [s for s in streams if s.system == PEER and _class(s) == _class(stream)]
    if not peers:
        return None
    fastest = min(peers, key=lambda peer: peer.median(lambda run: run.p50_ms))
    rounds = zip(stream.runs, fastest.runs, strict=True)
    return statistics.median(a.p50_ms / b.p50_ms for a, b in rounds)


def _class(stream: Stream) -> tuple[str, str, int]:
    return stream.model, stream.precision, stream.beam_size


HEADINGS = (
    "model",
    "precision",
    "beam",
    "system",
    "p50 ms",
    "p99 ms",
    "mean ms",
    f"p50 to {PEER}'s best",
)


def latency_table(streams: Sequence[Stream]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Returns headings and the cells of each stream."""
    return HEADINGS, [_cells(row) for row in latency_rows(streams)]


def _cells(row: LatencyRow) -> tuple[str, ...]:
    stream = row.stream
    return (
        stream.model,
        stream.precision,
        str(stream.beam_size),
        stream.title,
        f"{row.p50:.2f}",
        f"{row.p99:.2f}",
        f"{row.mean:.2f}",
        "" if row.ratio is None else f"{row.ratio:.2f}",
    )
