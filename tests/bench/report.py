"""Offline measurements and what is told of them: medians, ratios. Knows nothing of how they came.

A ratio is the median of the ratios within each round: the two runs of a round are minutes apart at
most, so what else the machine does weighs on both.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.origin import Origin, write_report
from tests.bench.worker import Run

PEER = "ctranslate2"


@dataclass(frozen=True)
class Contender:
    """One system with one model, precision and beam: its runs, one a round."""

    model: str
    precision: str
    beam_size: int
    system: str
    how: str
    """Workers x threads, batch size."""
    runs: list[Run]
    sentences: int
    """Of the workload."""
    multiply_adds: int
    """That the workload needs, translated once."""
    step_weights: int
    """Weights that a decoding step reads."""
    bleu: float | None = None
    tuning: dict[str, float] | None = None
    """Tokens per second of every setting that was tried to find the best."""

    def median(self, figure: Callable[[Run], float]) -> float:
        """Of all its runs."""
        return statistics.median(map(figure, self.runs))


@dataclass(frozen=True)
class Report:
    """Everything that a benchmark found."""

    origin: Origin
    corpus: str
    contenders: list[Contender]

    @property
    def models(self) -> list[str]:
        """Names of the models, in their order."""
        return list(dict.fromkeys(contender.model for contender in self.contenders))

    def save(self, path: Path) -> None:
        """Writes JSON."""
        write_report(path, "offline", self)

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "Report":
        """Reads what `save` wrote."""
        contenders = [
            Contender(**entry | {"runs": [Run(**run) for run in entry["runs"]]})
            for entry in fields["contenders"]
        ]
        return cls(**fields | {"contenders": contenders})


class Row(NamedTuple):
    """A contender's figures."""

    contender: Contender
    tokens_per_second: float
    sentences_per_second: float
    cores: float
    ratio: float | None
    """To the peer's tokens per second with the same model, precision and beam."""
    peak_megabytes: float


def rows(contenders: Sequence[Contender]) -> list[Row]:
    """Returns each contender's figures."""
    peers = {_class(c): c for c in contenders if c.system == PEER}
    return [
        Row(
            contender,
            contender.median(lambda run: run.tokens_per_second),
            contender.median(lambda run: run.sentences_per_second),
            contender.median(lambda run: run.cores),
            _ratio(contender, peers.get(_class(contender))),
            contender.median(lambda run: run.peak_bytes) / 1e6,
        )
        for contender in contenders
    ]


def _class(contender: Contender) -> tuple[str, str, int]:
    return contender.model, contender.precision, contender.beam_size


def _ratio(contender: Contender, peer: Contender | None) -> float | None:
    if peer is None:
        return None
    rounds = zip(contender.runs, peer.runs, strict=True)
    return statistics.median(a.tokens_per_second / b.tokens_per_second for a, b in rounds)


HEADINGS = (
    "model",
    "precision",
    "beam",
    "system",
    "setting",
    "sentences",
    "tokens/s",
    "sentences/s",
    f"to {PEER}",
    "BLEU",
    "cores",
    "peak MB",
)


def text_rows(contenders: Sequence[Contender]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Returns headings and the cells of each contender."""
    return HEADINGS, [_cells(row) for row in rows(contenders)]


def _cells(row: Row) -> tuple[str, ...]:
    contender = row.contender
    return (
        contender.model,
        contender.precision,
        str(contender.beam_size),
        contender.system,
        contender.how,
        str(contender.sentences),
        f"{row.tokens_per_second:,.0f}",
        f"{row.sentences_per_second:,.1f}",
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if contender.bleu is None else f"{contender.bleu:.2f}",
        f"{row.cores:.2f}",
        f"{row.peak_megabytes:,.0f}",
    )
