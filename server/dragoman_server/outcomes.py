"""Counts and logs how each request ended: every request in exactly one way.

Knows metrics and the log. Does not know grpc, nor what a request asked.
"""

import logging
import secrets
import time
from collections.abc import Callable

from google.rpc import code_pb2  # type: ignore[import-untyped]  # .pyi files but no py.typed
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from dragoman_server.errors import OverloadError
from dragoman_server.metrics import FailureReason, Metrics
from dragoman_server.status import outcome_of, status_of

_log = logging.getLogger(__name__)


class Outcomes:
    """Told of each request's end by whoever answers it: the guard, or a stream per text."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._clock = clock

    def now(self) -> float:
        """Seconds of the clock that `succeeded` compares with, which is the engine's too."""
        return self._clock()

    def succeeded(self, arrived_at: float) -> None:
        """The request that came at `arrived_at` has its answer."""
        self._metrics.request_latency_seconds.observe(self._clock() - arrived_at)
        self._count(code_pb2.OK)

    def cancelled(self, *, expired: bool) -> None:
        """The client cancelled the request, or its deadline passed."""
        if expired:
            self._count(code_pb2.DEADLINE_EXCEEDED, "DEADLINE")
        else:
            self._count(code_pb2.CANCELLED, "CANCELLED")

    def failed(self, error: Exception) -> Status:
        """The request failed; returns what the client is told."""
        outcome = outcome_of(error)
        error_id = ""
        if isinstance(error, OverloadError):
            self._metrics.refusals_total.labels(error.reason).inc()
        elif outcome.code == code_pb2.INTERNAL:
            error_id = secrets.token_hex(8)
            cause = error.__cause__ or error
            _log.error("request_failed", exc_info=cause, extra={"error_id": error_id})
        self._count(outcome.code, outcome.failure)
        return status_of(error, error_id)

    def _count(self, code: int, failure: FailureReason | None = None) -> None:
        name: str = code_pb2.Code.Name(code)
        self._metrics.requests_total.labels(name).inc()
        if failure is not None:
            self._metrics.request_failures_total.labels(failure).inc()
        _log.debug("request_ended", extra={"code": name})
