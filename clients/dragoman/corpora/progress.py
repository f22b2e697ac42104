"""How far a long job is: a line on standard error now and then, in a terminal and in a log."""

import sys
import time
from collections.abc import Callable

EVERY_SECONDS = 10.0


class Progress:
    """Told of lines as they are finished.

    Args:
        total: Lines of the job.
        done: Of them, those that were finished before.
        clock: Seconds, monotonic.
    """

    def __init__(self, total: int, done: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._done = done
        self._clock = clock
        self._first: tuple[float, int] | None = None  # when there were first lines, and how many
        self._told = 0.0

    def add(self, lines: int) -> None:
        """Notes that lines are finished, and says so where nothing was said for a while."""
        self._done += lines
        now = self._clock()
        if self._first is None:  # the rate begins here: before, workers were started
            self._first = now, self._done
            self._told = now
        elif now >= self._told + EVERY_SECONDS:
            self._told = now
            start, done_before = self._first
            rate = (self._done - done_before) / (now - start)
            left = (self._total - self._done) / rate
            say(
                f"{self._done:,} of {self._total:,} lines, {rate:,.0f} lines/s, "
                f"about {left / 60:.0f} min left"
            )


def say(message: str) -> None:
    """Writes a line to standard error."""
    sys.stderr.write(f"dragoman corpora: {message}\n")
    sys.stderr.flush()
