"""Writes lines to a descriptor in a thread of its own, so that nobody waits for who reads them.

Owns the lines that are not written yet, of which there are so many bytes and no more: what has no
room is dropped and counted. A reader that is slow, stuck or gone stops nothing else. Does not know
what a line says.
"""

import logging
import os
import select
import threading
import time
from collections import deque

_log = logging.getLogger(__name__)

MOST_BYTES = 1024 * 1024

STDERR = 2
"""The descriptor, whatever became of Python's stream on it."""


class LineWriter:
    """Thread-safe. Its thread starts with the first line and ends with the process.

    Python's own stream on the descriptor is not used: it would wait in every thread, and at the
    end of the process for the thread that waits.

    Args:
        descriptor: What is written to; may be any, also one that nobody reads or that is closed.
        most_bytes: That wait at once.
    """

    def __init__(self, descriptor: int, most_bytes: int = MOST_BYTES) -> None:
        self._descriptor = descriptor
        self._most_bytes = most_bytes
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._lost = self._untold = 0
        self._changed = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None

    @property
    def lines_lost(self) -> int:
        """Lines that were dropped or could not be written, since the beginning."""
        return self._lost

    def write(self, line: str) -> None:
        """Takes a line, its end included, or drops it; never waits."""
        data = line.encode("utf-8", "backslashreplace")
        with self._changed:
            if self._bytes + len(data) > self._most_bytes:
                self._lose()
                return
            self._lines.append(data)
            self._bytes += len(data)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def drain(self, seconds: float) -> None:
        """Waits until every line is written, but not longer than that."""
        deadline = time.monotonic() + seconds
        with self._changed:
            self._changed.wait_for(lambda: not self._bytes, deadline - time.monotonic())

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines)
                line = self._lines.popleft()
            is_written = self._written(line)
            with self._changed:
                self._bytes -= len(line)
                if not is_written:
                    self._lose()
                untold = 0 if self._lines or not is_written else self._untold
                self._untold -= untold
                self._changed.notify_all()
            if untold:
                _log.warning("log_lines_lost", extra={"lines": untold})

    def _lose(self) -> None:
        self._lost += 1
        self._untold += 1

    def _written(self, line: bytes) -> bool:
        """Writes a line, however long that takes; returns False where it cannot be written."""
        rest = memoryview(line)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:  # somebody else made it non-blocking
                    select.select([], [self._descriptor], [])
        except (OSError, ValueError):  # closed at this or the other end, a full disk
            return False
        return True
