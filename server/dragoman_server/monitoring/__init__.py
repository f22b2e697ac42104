"""Metrics and logs.

Knows their names, units and formats. Does not know when anything happens.
"""

from dragoman_server.monitoring.line_writer import STDERR, LineWriter
from dragoman_server.monitoring.logs import LAST_LINES_SECONDS, configure_logging, log_lines_lost
from dragoman_server.monitoring.metrics import (
    Ended,
    FailureReason,
    FileKind,
    Metrics,
    Reload,
    Report,
    Shortage,
)
from dragoman_server.monitoring.metrics_server import MetricsServer
from dragoman_server.monitoring.model_gauges import EngineLoad, ModelInfo, ModelLoad, Models

__all__ = [
    "LAST_LINES_SECONDS",
    "STDERR",
    "Ended",
    "EngineLoad",
    "FailureReason",
    "FileKind",
    "LineWriter",
    "Metrics",
    "MetricsServer",
    "ModelInfo",
    "ModelLoad",
    "Models",
    "Reload",
    "Report",
    "Shortage",
    "configure_logging",
    "log_lines_lost",
]
