"""What guards found in translations, and what of it was mended.

Declares the metrics of it. Does not know what a fault is.
"""

from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter


class GuardUse(NamedTuple):
    """A fault of a sentence that a guard found."""

    model: str
    """Name of the model."""
    reason: str
    is_mended: bool
    """Whether a second attempt was without it."""
    times: int = 1


class GuardMetrics:
    """Counts them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("reason", "model")
        self._found = Counter(
            "guard_faults_total",
            "Faults of sentences that guards found, by reason.",
            labels,
            namespace="dragoman",
            registry=registry,
        )
        self._mended = Counter(
            "guard_faults_mended_total",
            "Those that a second attempt was without.",
            labels,
            namespace="dragoman",
            registry=registry,
        )

    def count(self, use: GuardUse) -> None:
        """Counts a fault, or several of a kind."""
        self._found.labels(use.reason, use.model).inc(use.times)
        self._mended.labels(use.reason, use.model).inc(use.times * use.is_mended)
