"""What is told of texts translated through gRPC. Knows nothing of how the figures came."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.origin import Origin, write_report


@dataclass(frozen=True)
class Service:
    """A model served, and the peer's engine beside it: target tokens per second, one a round."""

    model: str
    precision: str
    served: list[float]
    """Text to text, end tokens counted."""
    peer: list[float]
    """Token ids to token ids."""
    how: str
    """The peer's best setting."""
    bleu: float | None
    """Of what was served."""

    @property
    def ratio(self) -> float:
        """Median of the rounds' ratios."""
        return statistics.median(a / b for a, b in zip(self.served, self.peer, strict=True))


@dataclass(frozen=True)
class ServedReport:
    """Everything that a benchmark found."""

    origin: Origin
    corpus: str
    services: list[Service]

    def save(self, path: Path) -> None:
        """Writes JSON."""
        write_report(path, "served", self)

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> "ServedReport":
        """Reads what `save` wrote."""
        return cls(**fields | {"services": [Service(**entry) for entry in fields["services"]]})


HEADINGS = (
    "model",
    "precision",
    "through gRPC, tokens/s",
    "BLEU",
    "ctranslate2 without, tokens/s",
    "its setting",
    "ratio",
)


def served_table(services: Sequence[Service]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Returns headings and the cells of each service."""
    return HEADINGS, [
        (
            service.model,
            service.precision,
            f"{statistics.median(service.served):,.0f}",
            "" if service.bleu is None else f"{service.bleu:.2f}",
            f"{statistics.median(service.peer):,.0f}",
            service.how,
            f"{service.ratio:.2f}",
        )
        for service in services
    ]
