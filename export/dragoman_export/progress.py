"""Tells on standard error what export is doing: a line a stage, and how far it is on a terminal.

Knows rich. Does not know what the stages are.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

BAR_WIDTH = 20

REFRESHES_PER_SECOND = 2


class LineProgress:
    """A line begins with a stage and ends with it, for logs."""

    @contextmanager
    def stage(self, what: str) -> Iterator[None]:
        """See export.Stage."""
        _write(f"{what} ... ")
        with _timed(lambda took: _write(f"{took}\n")):
            yield

    def done(self, fraction: float) -> None:
        """See export.Done; a log has no use for it."""


class TerminalProgress:
    """While a stage lasts: the time that it took so far and, where it can be told, what is left."""

    def __init__(self) -> None:
        self._running: Progress | None = None

    @contextmanager
    def stage(self, what: str) -> Iterator[None]:
        """See export.Stage."""
        bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(BAR_WIDTH),
            TimeElapsedColumn(),
            _Left(),
            console=Console(stderr=True),
            transient=True,
            refresh_per_second=REFRESHES_PER_SECOND,
        )
        with _timed(lambda took: _write(f"{what} ... {took}\n")), bar:
            self._running = bar
            bar.add_task(what, total=None, ends=None)
            yield
            self._running = None

    def done(self, fraction: float) -> None:
        """See export.Done."""
        if self._running is not None:
            (task,) = self._running.tasks
            start = task.start_time or 0.0
            ends = start + (task.get_time() - start) / fraction
            self._running.update(task.id, total=1.0, completed=fraction, ends=ends)


class _Left(ProgressColumn):
    """What is left if all goes on as it began; rich's own wants more steps than there are."""

    def render(self, task: Task) -> Text:
        """See ProgressColumn."""
        ends = task.fields["ends"]
        if ends is None:
            return Text("")
        return Text(f"about {max(0.0, ends - task.get_time()):.0f} s left")


@contextmanager
def _timed(tell: Callable[[str], None]) -> Iterator[None]:
    """Tells at the end how long it took, or that it failed."""
    start = time.perf_counter()
    took = "failed"
    try:
        yield
        took = f"{time.perf_counter() - start:.1f} s"
    finally:
        tell(took)


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
