"""Tells how each request ended, and logs it: every request in exactly one way.

Knows errors and the log. Does not know grpc, what a request asked, nor who counts.
"""

import logging
import secrets
import time
from collections.abc import Callable

from google.rpc import code_pb2  # type: ignore[import-untyped]  # .pyi files but no py.typed

from dragoman_server.errors import OverloadError
from dragoman_server.monitoring import Ended
from dragoman_server.service.account import Account
from dragoman_server.service.status import outcome_of

_log = logging.getLogger(__name__)


class Outcomes:
    """Told of each request's end by whoever answers it: the guard, or a stream per text.

    Args:
        record: Counts each end.
        clock: Seconds, monotonic; the engine's.
    """

    def __init__(
        self, record: Callable[[Ended], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._record = record
        self._clock = clock
        self._refusals: dict[tuple[type[OverloadError], str, str], Ended] = {}
        """How those end that are refused for the same reason, by model and interface."""

    def now(self) -> float:
        """Seconds of the clock that `succeeded` compares with, which is the engine's too."""
        return self._clock()

    def succeeded(self, account: Account, arrived_at: float) -> None:
        """The request that came at `arrived_at` has its answer."""
        trace_id = account.trace_id if account.is_traced else ""
        seconds = self._clock() - arrived_at
        model, interface = account.model, account.interface
        self._tell(Ended("OK", seconds, None, None, 1, model, trace_id, interface), account)

    def cancelled(self, account: Account, *, expired: bool) -> None:
        """The client cancelled the request, or its deadline passed."""
        if expired:
            ended = Ended("DEADLINE_EXCEEDED", failure="DEADLINE")
        else:
            ended = Ended("CANCELLED", failure="CANCELLED")
        self._tell(_of(account, ended), account)

    def refused(self, error: OverloadError, account: Account) -> None:
        """The request was refused for lack of room or time."""
        kind = type(error)
        key = (kind, account.model, account.interface)
        if account.tell is not None:
            account.refusal = kind.reason
        if (ended := self._refusals.get(key)) is None:
            outcome = outcome_of(kind)
            name: str = code_pb2.Code.Name(outcome.code)
            ended = Ended(name, failure=outcome.failure, refusal=kind.reason)
            ended = self._refusals[key] = _of(account, ended)
        self._tell(ended, account)

    def failed(self, error: Exception, account: Account) -> str:
        """The request failed; returns the error's id in the log, where it is our failure."""
        if isinstance(error, OverloadError):
            self.refused(error, account)
            return ""
        outcome = outcome_of(type(error))
        error_id = ""
        if outcome.code == code_pb2.INTERNAL:
            error_id = secrets.token_hex(8)
            cause = error.__cause__ or error
            extra = {"error_id": error_id}
            if account.trace_id:
                extra["trace_id"] = account.trace_id
            _log.error("request_failed", exc_info=cause, extra=extra)
        name: str = code_pb2.Code.Name(outcome.code)
        self._tell(_of(account, Ended(name, failure=outcome.failure)), account)
        return error_id

    def _tell(self, ended: Ended, account: Account) -> None:
        self._record(ended)
        account.end(ended.code)
        _log.debug("request_ended", extra={"code": ended.code})


def _of(account: Account, ended: Ended) -> Ended:
    return ended._replace(model=account.model, interface=account.interface)
