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
from dragoman_server.engine.engine import Counts, Engine, Progress, expired, failed
from dragoman_server.engine.engine_metrics import EngineMetrics
from dragoman_server.engine.engine_threads import SWITCH_INTERVAL_SECONDS, EngineThreads, give_way
from dragoman_server.engine.engines import EngineGroup, Engines, Reports
from dragoman_server.engine.estimators import Line, WideLine
from dragoman_server.engine.forecast import step_costs
from dragoman_server.engine.futures import settle
from dragoman_server.engine.headroom import Headroom
from dragoman_server.engine.outlook import UNREAD, Admission, Outline, Outlook
from dragoman_server.engine.scheduler import Decision, DecodeBatch, EncodeBatch, Scheduler
from dragoman_server.engine.sender import ANYBODY, Priority, Sender
from dragoman_server.engine.turns import Share, Turns
from dragoman_server.engine.waiting_queue import WaitingQueue

__all__ = [
    "ANYBODY",
    "NO_LIMIT",
    "SWITCH_INTERVAL_SECONDS",
    "UNREAD",
    "Admission",
    "AsyncEngine",
    "Counts",
    "Deadline",
    "Decision",
    "DecodeBatch",
    "EncodeBatch",
    "Engine",
    "EngineGroup",
    "EngineMetrics",
    "EngineThreads",
    "Engines",
    "Headroom",
    "Line",
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
    "WideLine",
    "expired",
    "failed",
    "give_way",
    "has_passed",
    "settle",
    "step_costs",
]
