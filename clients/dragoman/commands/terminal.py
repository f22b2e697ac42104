"""What a command owes the shell: interrupts that are heeded, and streams that may be closed.

Does not know what the commands do.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

INTERRUPTED = 130

SHOW_CURSOR = "\x1b[?25h"
"""A progress bar hides it."""


@contextmanager
def heed_interrupts() -> Iterator[None]:
    """Lets the first Ctrl-C raise KeyboardInterrupt, and the second leave at once.

    Where somebody else heeds them, or they are ignored as in the background, nothing changes.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is _interrupt:  # else the command is about to end
            signal.signal(signal.SIGINT, signal.default_int_handler)


def open_closed_streams() -> None:
    """Gives messages somewhere to go where standard error is closed: else they go to the output."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  for good


def flush_output() -> None:
    """Writes what standard output still holds.

    Raises:
        OSError: It cannot be written; it is dropped, so that Python does not try it again.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        drop_output()
        raise


def drop_output() -> None:
    """Lets what standard output still holds go nowhere, without a word."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Parser(argparse.ArgumentParser):
    """One whose help may be long: where it cannot be written, argparse says nothing of it."""

    def print_help(self, file: "SupportsWrite[str] | None" = None) -> None:
        """Writes the help; raises OSError where it cannot be written."""
        to = sys.stdout if file is None else file
        if to is not None:
            to.write(self.format_help())


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    del signal_number, frame
    signal.signal(signal.SIGINT, _leave)
    raise KeyboardInterrupt


def _leave(signal_number: int, frame: FrameType | None) -> None:
    del signal_number, frame
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), SHOW_CURSOR.encode())
    os._exit(INTERRUPTED)
