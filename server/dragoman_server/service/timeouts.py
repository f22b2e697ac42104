"""Ends what takes longer than it may, as asyncio.timeout does, with one timer for all of it.

Calls that come without a deadline have the same time, and nearly all end long before it is over:
a timer for each costs more than to note when it is due. Knows tasks. Does not know what they do.
"""

import asyncio
from types import TracebackType
from typing import Self


class Timeouts:
    """All of the same length; used on one event loop.

    Args:
        seconds: After which each ends.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._running: dict[Timeout, None] = {}
        """In the order in which they are due."""
        self._timer: asyncio.TimerHandle | None = None

    def timeout(self) -> "Timeout":
        """Returns what ends the `with` statement that it is for."""
        return Timeout(self)

    def begin(self, timeout: "Timeout") -> None:
        """It runs from now on."""
        loop = asyncio.get_running_loop()
        timeout.due = loop.time() + self._seconds
        self._running[timeout] = None
        if self._timer is None:
            self._timer = loop.call_at(timeout.due, self._look)

    def end(self, timeout: "Timeout") -> None:
        """It does not run any more."""
        self._running.pop(timeout, None)

    def _look(self) -> None:
        """Ends what is due, and looks again when the next one is."""
        loop = asyncio.get_running_loop()
        now, self._timer = loop.time(), None
        for timeout in list(self._running):
            if timeout.due > now:
                self._timer = loop.call_at(timeout.due, self._look)
                return
            self.end(timeout)
            timeout.expire()


class Timeout:
    """Cancels the task that is in its `with` when its time is over.

    Raises:
        TimeoutError: At the end, where the task was cancelled for that alone.
    """

    __slots__ = ("_cancelling", "_has_expired", "_task", "_timeouts", "due")

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._has_expired = False
        self.due = 0.0
        """In seconds of the event loop's clock."""

    def expire(self) -> None:
        """Its time is over."""
        self._has_expired = True
        self._task.cancel()

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self._timeouts.begin(self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timeouts.end(self)
        if not self._has_expired:
            return
        is_ours = self._task.uncancel() <= self._cancelling
        if is_ours and exc_type is asyncio.CancelledError:
            raise TimeoutError from exc
