"""How a server's process ends: its reason, its exit code, and the one line in the log that says so.

Knows how to leave at once, whatever hangs. Does not know why that is asked for.
"""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

_log = logging.getLogger(__name__)

DRAINED, FAILED, NOT_STARTED = 0, 1, 2
BY_SIGNAL = 128
"""Exit code of a process that left at once, plus the signal's number."""


class Ending(NamedTuple):
    """Why a server ends."""

    reason: str
    exit_code: int


class LastWord:
    """The last line in the log: the first who says it is heard, whoever else has something to say.

    Args:
        exit_process: Ends the process with an exit code; nothing runs after it.
    """

    def __init__(self, exit_process: Callable[[int], object] = os._exit) -> None:
        self._exit_process = exit_process
        self._lock = threading.Lock()
        self._said: Ending | None = None

    def say(self, ending: Ending, error: BaseException | None = None) -> int:
        """Writes the line, unless one is written; returns the exit code that the log tells.

        Args:
            ending: What to say.
            error: What it came from, of which the type and the places are told.
        """
        with self._lock:
            if self._said is None:
                self._said = ending
                level = logging.CRITICAL if ending.exit_code else logging.INFO
                fields = {"reason": ending.reason, "exit_code": ending.exit_code}
                _log.log(level, "stopped", extra=fields, exc_info=error)
            return self._said.exit_code

    def leave(self, ending: Ending, before: Callable[[], None]) -> None:
        """Writes the line and ends the process, whatever else it is doing.

        In a thread of its own: a signal may have come while this one was writing another line.

        Args:
            ending: What to say.
            before: Called first.
        """

        def left() -> None:
            code = ending.exit_code
            try:
                with suppress(Exception):
                    before()
                code = self.say(ending)
                logging.disable()  # it is the last line, whatever other threads do
                logging.shutdown()
            finally:
                self._exit_process(code)

        try:
            threading.Thread(target=left, name="leaving", daemon=True).start()
        except RuntimeError:  # no room for a thread
            self._exit_process(ending.exit_code)
