"""Metrics, logs and traces.

Knows their names, units and formats. Does not know when anything happens. `tracing` is imported
only where traces are asked for, as it needs an extra.
"""

from dragoman_server.monitoring.caller_metrics import CallerEnded
from dragoman_server.monitoring.guard_metrics import GuardUse
from dragoman_server.monitoring.line_writer import STDERR, LineWriter
from dragoman_server.monitoring.logs import (
    CALLS_LOG,
    LAST_LINES_SECONDS,
    LogFormat,
    LogLevel,
    configure_logging,
    log_lines_lost,
)
from dragoman_server.monitoring.metrics import (
    CacheUse,
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
from dragoman_server.monitoring.trace_context import Attribute, TraceContext, read_trace

__all__ = [
    "CALLS_LOG",
    "LAST_LINES_SECONDS",
    "STDERR",
    "Attribute",
    "CacheUse",
    "CallerEnded",
    "Ended",
    "EngineLoad",
    "FailureReason",
    "FileKind",
    "GuardUse",
    "LineWriter",
    "LogFormat",
    "LogLevel",
    "Metrics",
    "MetricsServer",
    "ModelInfo",
    "ModelLoad",
    "Models",
    "Reload",
    "Report",
    "Shortage",
    "TraceContext",
    "configure_logging",
    "log_lines_lost",
    "read_trace",
]
