"""Waits for what another process does."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0


def until(condition: Callable[[], bool]) -> None:
    given_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < given_up_at, "it never came to that"
        time.sleep(0.01)
