"""What signals mean to a server: to drain, to leave at once, or nothing.

Knows the signals that would end a process that says nothing. Does not know how a server drains.
"""

import asyncio
import functools
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_log = logging.getLogger(__name__)

DRAIN = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU, signal.SIGPWR)
"""Drain, then end: the second one leaves at once."""

LEAVE = (signal.SIGQUIT,)
"""End at once."""

IGNORED = (
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGPROF,
    signal.SIGIO,
    signal.SIGSTKFLT,
    *range(signal.SIGRTMIN, signal.SIGRTMAX + 1),
)
"""Mean nothing, but would end the process."""


def ignore_all() -> None:
    """Ignores them, in a process whose server hears them for it.

    Nor is it stopped for writing to a terminal that has `tostop`, behind its server.
    """
    for number in (*DRAIN, *LEAVE, *IGNORED, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)


class Signals:
    """The signals of a server's process, from before it loads anything until it ends.

    Args:
        leave: Ends the process at once. Called with a signal's number and what to say.

    Attributes:
        told: Name of the signal that the server drains for, once there is one.
    """

    def __init__(self, leave: Callable[[int, str], None]) -> None:
        self._leave = leave
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: Callable[[], None] | None = None
        self.told: str | None = None

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hears them while the context is open. What nohup ignores stays ignored."""
        before = {
            number: signal.signal(number, self._received)
            for number in (*DRAIN, *LEAVE, *IGNORED)
            if not (number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def drain_with(self, stop: Callable[[], None]) -> None:
        """Calls `stop` on this event loop when the server is to drain, rather than leave at once.

        Until then nothing is loaded, and nothing was accepted that could be answered.
        """
        self._loop, self._stop = asyncio.get_running_loop(), stop

    def _received(self, number: int, _: FrameType | None) -> None:
        """Runs between any two instructions of the main thread, so it writes no log itself."""
        name = name_of(number)
        if number in IGNORED:
            self._on_loop(functools.partial(_tell_ignored, name))
        elif number in LEAVE:
            self._leave(number, name)
        elif self.told is not None:
            self._leave(number, f"{name} after {self.told}")
        elif self._stop is None:
            self.told = name
            self._leave(0, f"{name} before it served")
        else:
            self.told = name
            self._on_loop(self._stop)

    def _on_loop(self, call: Callable[[], None]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and the process does
                self._loop.call_soon_threadsafe(call)


def name_of(number: int) -> str:
    """Returns a signal's name; a real-time one is called by its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _tell_ignored(name: str) -> None:
    _log.warning("signal_ignored", extra={"signal": name})
