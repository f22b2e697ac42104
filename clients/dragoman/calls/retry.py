"""When a call or a stream tries again, and when it gives up.

Pure: knows neither calls nor the clock (`now` is seconds, from any start).
"""

import random
from collections.abc import Callable

from dragoman.errors import (
    CallCancelledError,
    ConnectError,
    DeadlineExceededError,
    DragomanError,
    QueueFullError,
    UnavailableError,
)

FIRST_SECONDS = 5.0
"""For which a server that was never reached is tried: most likely nothing runs at the target."""

MOST_BREAKS = 10
"""Calls that may break one after the other while the server has them, half a minute in all: what is
sent may be the cause, and must not take one replica after the other with it for ever."""

MOST_CAUSES = 2
"""That are told beside the last one."""

LEAST_SECONDS = 0.001
"""Left of a deadline, for another attempt."""

INITIAL_SECONDS = 0.2
MAX_SECONDS = 5.0
"""Between two tries of a server that has no room, or broke the call."""

MAX_RESTART_SECONDS = 1.0
"""Of one that drains: another follows it soon."""

CONNECT_SECONDS = 0.05
MAX_CONNECT_SECONDS = 0.25
"""Of one that is not there: to look whether gRPC is connected again costs nobody anything."""


def may_pass(error: DragomanError) -> bool:
    """Whether the same may succeed later.

    A server that stops cancels the calls that it still has: this side cancels none of its own that
    it still waits for.
    """
    if isinstance(error, ConnectError) and error.reason == "TLS_FAILED":
        return False
    return isinstance(error, UnavailableError | QueueFullError | CallCancelledError)


def is_broken(error: DragomanError) -> bool:
    """Whether the call was on its way when it ended, so that it may be the cause."""
    return error.reason == "CONNECTION_BROKEN" or isinstance(error, CallCancelledError)


def delay_seconds(
    failures: int, error: DragomanError, jitter: Callable[[], float] = random.random
) -> float:
    """Returns how long to wait after the n-th failure; at least what the server asked for.

    Args:
        failures: How often it failed, from 1.
        error: How it failed the last time.
        jitter: Gives numbers from 0 to 1, so that many clients do not come back at once.
    """
    first, most = _backoff(error)
    backoff = min(first * 2.0 ** min(failures - 1, 30), most) * (1 + jitter()) / 2
    asked = error.retry_after if isinstance(error, QueueFullError) else None
    return max(asked * (1 + jitter() / 2), backoff) if asked else backoff


def _backoff(error: DragomanError) -> tuple[float, float]:
    """Returns the shortest and the longest delay."""
    if isinstance(error, QueueFullError) or is_broken(error):
        return INITIAL_SECONDS, MAX_SECONDS
    if isinstance(error, ConnectError):
        return CONNECT_SECONDS, MAX_CONNECT_SECONDS
    return INITIAL_SECONDS, MAX_RESTART_SECONDS


class Retries:
    """How long a client tries again, and whether it has ever reached a server."""

    def __init__(self, seconds: float | None = None) -> None:
        """Makes the retries of a new client.

        Args:
            seconds: For which what may pass is tried again; None as long as the timeout lets.
        """
        self._seconds = seconds
        self._reached = False

    def note_answer(self) -> None:
        """Notes that a server is there."""
        self._reached = True

    def limit(self, error: DragomanError) -> float | None:
        """Returns for how many seconds what failed so is tried again; None without an end."""
        if not isinstance(error, ConnectError) or error.reason != "UNREACHABLE":
            self._reached = True  # there is somebody who breaks it or says so
        if self._seconds is not None:
            return self._seconds
        return None if self._reached else FIRST_SECONDS


class Attempts:
    """Those of one request, or of a stream since its last answer."""

    def __init__(self, retries: Retries, timeout: float | None, now: float) -> None:
        """Begins with the first attempt.

        Args:
            retries: The client's.
            timeout: Seconds for all attempts together; None for ever.
            now: The time.
        """
        self._retries = retries
        self._timeout = timeout
        self._start = now
        self._failures = 0
        self._breaks = 0
        self._last: DragomanError | None = None
        self._causes: dict[str, None] = {}  # why no server was reached, each once

    def seconds_left(self, now: float) -> float | None:
        """Returns until when the next attempt must be answered; None for ever."""
        if self._timeout is None:
            return None
        return max(self._start + self._timeout - now, LEAST_SECONDS)

    def delay(self, error: DragomanError, now: float) -> float:
        """Returns for how many seconds to wait before the next attempt.

        Raises:
            DragomanError: There is to be none.
        """
        if isinstance(error, DeadlineExceededError):
            raise self._too_late(error)
        if not may_pass(error):
            raise error
        self._failures += 1
        if isinstance(error, ConnectError):
            self._causes[str(error)] = None
        self._breaks += is_broken(error)
        self._last = error
        delay = delay_seconds(self._failures, error)
        if self._timeout is not None and now + delay > self._start + self._timeout - LEAST_SECONDS:
            raise self._with_causes(_no_time_for(error))
        limit = self._retries.limit(error)
        if limit is not None and now + delay > self._start + limit:
            raise self._with_causes(error)
        if self._breaks >= MOST_BREAKS:
            raise error
        return delay

    def note_answer(self) -> None:
        """Notes that the last attempt was answered."""
        self._retries.note_answer()

    def _with_causes(self, error: DragomanError) -> DragomanError:
        """Returns the last error with those before it: each address of a name has its own."""
        others = [cause for cause in self._causes if cause != str(error)]
        if not isinstance(error, ConnectError) or not others:
            return error
        told = "; before: ".join([str(error), *others[-MOST_CAUSES:]])
        return ConnectError(told, reason=error.reason)

    def _too_late(self, error: DeadlineExceededError) -> DragomanError:
        """Returns the error for a deadline that passed, which says what there was before."""
        if self._last is None:
            return error
        return DeadlineExceededError(f"{error}; before: {self._last}", reason=error.reason)


def _no_time_for(error: DragomanError) -> DragomanError:
    """Returns the error for a request that cannot be tried again before its deadline."""
    if error.reason != "WOULD_EXPIRE" or not isinstance(error, QueueFullError):
        return error
    late = DeadlineExceededError(str(error), reason=error.reason, metadata=error.metadata)
    late.retry_after = error.retry_after
    return late
