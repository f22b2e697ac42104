"""Batches sequences at every decoding step: a queue, and engines of a scheduler, search and runner.

Knows sequences and time. Does not know text, languages, gRPC or onnxruntime.
"""

from dragoman_server.engine.async_engine import AsyncEngine
from dragoman_server.engine.deadline import (
    NO_LIMIT,
    Deadline,
    RemainingTime,
    TimeLimit,
    has_passed,
)
from dragoman_server.engine.engine import Engine, Progress
from dragoman_server.engine.engine_metrics import EngineMetrics
from dragoman_server.engine.engine_threads import EngineThreads
from dragoman_server.engine.engines import Engines, Reports
from dragoman_server.engine.futures import settle
from dragoman_server.engine.outlook import UNREAD, Admission, Outline, Outlook
from dragoman_server.engine.scheduler import Scheduler
from dragoman_server.engine.sender import ANYBODY, Priority, Sender
from dragoman_server.engine.turns import Share, Turns
from dragoman_server.engine.waiting_queue import WaitingQueue

__all__ = [
    "ANYBODY",
    "NO_LIMIT",
    "UNREAD",
    "Admission",
    "AsyncEngine",
    "Deadline",
    "Engine",
    "EngineMetrics",
    "EngineThreads",
    "Engines",
    "Outline",
    "Outlook",
    "Priority",
    "Progress",
    "RemainingTime",
    "Reports",
    "Scheduler",
    "Sender",
    "Share",
    "TimeLimit",
    "Turns",
    "WaitingQueue",
    "has_passed",
    "settle",
]
