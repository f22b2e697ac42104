"""Engines in processes of their own, behind the one queue that their owner keeps.

Knows engines as rows that are filled and emptied, and how both sides tell each other. Does not know
texts, models or gRPC.
"""

from dragoman_server.hosting.engine_processes import EngineProcesses, LoadedProcesses, spread
from dragoman_server.hosting.messages import Hosted, LogStyle
from dragoman_server.hosting.trial import rows_per_second

__all__ = [
    "EngineProcesses",
    "Hosted",
    "LoadedProcesses",
    "LogStyle",
    "rows_per_second",
    "spread",
]
