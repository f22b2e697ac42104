"""When a stream tries again, and when it gives up.

Knows the policy of streams. Single calls are retried by gRPC itself, as channel.py tells it.
"""

import random
from collections.abc import Callable

from dragoman.errors import CallCancelledError, DragomanError, QueueFullError, UnavailableError

FIRST_ATTEMPTS = 3
"""Calls that may fail before the first answer: most likely nothing runs at the target."""

ATTEMPTS = 10
"""Calls that may fail one after the other, no text answered between: half a minute in all."""

CALL_SECONDS = 30.0
"""A stream goes on over another call after so long: one call never leaves its replica, and others
may have come since."""

INITIAL_BACKOFF_SECONDS = 0.2
MAX_BACKOFF_SECONDS = 5.0


def may_pass(error: DragomanError) -> bool:
    """Whether the same may succeed later.

    A server that stops cancels the streams that it still has: this side cancels none of its own
    that it goes on reading.
    """
    return isinstance(error, UnavailableError | QueueFullError | CallCancelledError)


def delay_seconds(
    failures: int, error: DragomanError, jitter: Callable[[], float] = random.random
) -> float:
    """Returns how long to wait after the n-th failure; at least what the server asked for.

    Args:
        failures: How often it failed, from 1.
        error: How it failed the last time.
        jitter: Gives numbers from 0 to 1, so that many clients do not come back at once.
    """
    asked = error.retry_after if isinstance(error, QueueFullError) else None
    if asked:
        return asked * (1 + jitter() / 2)
    backoff = min(INITIAL_BACKOFF_SECONDS * 2.0 ** (failures - 1), MAX_BACKOFF_SECONDS)
    return backoff * (1 + jitter()) / 2
