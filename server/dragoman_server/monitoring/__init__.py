"""Metrics and logs.

Knows their names, units and formats. Does not know when anything happens.
"""

from dragoman_server.monitoring.logs import configure_logging
from dragoman_server.monitoring.metrics import (
    Ended,
    EngineLoad,
    FailureReason,
    Metrics,
    MetricsServer,
)

__all__ = [
    "Ended",
    "EngineLoad",
    "FailureReason",
    "Metrics",
    "MetricsServer",
    "configure_logging",
]
