"""How far a long job is, on a terminal.

Knows rich, and imports it only when there is something to show.
"""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SHOW_AFTER_SECONDS = 1.0


class LineProgress:
    """A bar on standard error, once the job has taken a second; nothing where it is not wanted."""

    def __init__(self, *, total: int | None, wanted: bool, unit: str = "lines") -> None:
        """Notes the start of the job.

        Args:
            total: How many in all; None where that is not known.
            wanted: Whether there is a terminal to show it on.
            unit: What is counted.
        """
        self._total = total
        self._wanted = wanted
        self._unit = unit
        self._start = time.monotonic()
        self._bar: tuple[Progress, TaskID] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar[0].stop()

    def update(self, done: int) -> None:
        """Shows that `done` lines are done."""
        if self._wanted and self._bar is None:
            if time.monotonic() < self._start + SHOW_AFTER_SECONDS:
                return
            self._bar = self._open_bar()
        if self._bar is not None:
            progress, task = self._bar
            progress.update(task, completed=done)

    def say(self, message: str) -> None:
        """Writes a line to standard error, above the bar where there is one."""
        if self._bar is not None:
            self._bar[0].console.print(message, markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stderr.write(f"{message}\n")

    def _open_bar(self) -> "tuple[Progress, TaskID]":
        from rich.console import Console  # noqa: PLC0415  50 ms that most runs do not need
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        progress = Progress(
            TextColumn("translating"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(self._unit),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        progress.start()
        return progress, progress.add_task("", total=self._total)
