"""What is told of load tests of two servers. Knows nothing of how the figures came."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.origin import Origin, write_report
from tests.bench.tables import with_range


@dataclass(frozen=True)
class Contest:
    """A model behind both servers; one figure for each round, in requests per second."""

    model: str
    precision: str
    sentences: str
    """Their kind, in a word."""
    corpus: str
    """Where they are from."""
    ours: list[float]
    """Highest rates that kept the bound."""
    peer: list[float]
    offline: list[float]
    """What ours translates where all sentences are due at once."""
    setting: str
    """The peer's best."""
    tuning: dict[str, float]
    """p97 in milliseconds of each of its settings, at one rate."""
    tuned_at: float
    """That rate."""
    tried: dict[str, list[tuple[float, float]]]
    """Every rate that was offered to each system, and p97 in milliseconds."""

    @property
    def ratio(self) -> float:
        """Median of the rounds' ratios of the peaks."""
        return statistics.median(a / b for a, b in zip(self.ours, self.peer, strict=True) if b)

    @property
    def server_to_offline(self) -> float:
        """Median of the rounds' ratios of our peak to our offline rate."""
        return statistics.median(a / b for a, b in zip(self.ours, self.offline, strict=True))


@dataclass(frozen=True)
class LoadReport:
    """Everything that a benchmark found."""

    origin: Origin
    contests: list[Contest]

    def save(self, path: Path) -> None:
        """Writes JSON."""
        write_report(path, "load", self)

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "LoadReport":
        """Reads what `save` wrote."""
        return cls(**fields | {"contests": [Contest(**entry) for entry in fields["contests"]]})


HEADINGS = (
    "model",
    "precision",
    "sentences",
    "peak, requests/s",
    "CTranslate2's",
    "its setting",
    "ratio",
    "offline, sentences/s",
    "server / offline",
)


def load_table(contests: Sequence[Contest]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Returns headings and the cells of each contest."""
    return HEADINGS, [
        (
            contest.model,
            contest.precision,
            contest.sentences,
            with_range(contest.ours, ".4g"),
            with_range(contest.peer, ".4g"),
            contest.setting,
            f"{contest.ratio:.2f}",
            with_range(contest.offline, ".4g"),
            f"{contest.server_to_offline:.2f}",
        )
        for contest in contests
    ]


def tuning_table(contest: Contest) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Returns headings and cells of what was tried with the peer."""
    tried = sorted(contest.tuning.items(), key=lambda pair: pair[1])
    rate = f"{contest.model}, {contest.sentences}: p97 at {contest.tuned_at:.4g} requests/s"
    headings = ("CTranslate2's setting", rate)
    return headings, [(how, f"{p97:.0f} ms") for how, p97 in tried]
