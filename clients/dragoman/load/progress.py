"""Tells on standard error how a test goes: one line a second on a terminal, else one in ten.

Knows words and numbers; does not know where they come from.
"""

from typing import TextIO

from dragoman.load.loadgen import LoadTest
from dragoman.load.recorder import Recorder, percentile
from dragoman.load.result import Run
from dragoman.load.scrape import Reading, Scraper, mean

QUIET_SECONDS = 10


class Progress:
    """Writes lines.

    Args:
        stream: Where to.
        lively: Whether a line replaces the one before, as on a terminal.
    """

    def __init__(self, stream: TextIO, *, lively: bool) -> None:
        self._stream = stream
        self._lively = lively
        self._told_at = 0.0
        self._width = 0

    def say(self, line: str) -> None:
        """Writes a line that stays."""
        self._clear()
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def watch(
        self, test: LoadTest, seconds: float, recorder: Recorder, scraper: Scraper | None
    ) -> None:
        """See session.Watch."""
        if seconds < self._told_at:
            self._told_at = 0.0
        if not self._lively and seconds - self._told_at < QUIET_SECONDS:
            return
        self._told_at = seconds
        line = progress_line(test, seconds, recorder, scraper.readings if scraper else [])
        if self._lively:
            self._stream.write(f"\r{line:<{self._width}}")
            self._stream.flush()
            self._width = len(line)
        else:
            self.say(line)

    def _clear(self) -> None:
        if self._width:
            self._stream.write(f"\r{'':<{self._width}}\r")
            self._width = 0


def progress_line(
    test: LoadTest, seconds: float, recorder: Recorder, readings: list[Reading]
) -> str:
    """Returns what is told of a running test."""
    recent = recorder.recent()
    parts = [f"{seconds:4.0f} s"]
    if test.scenario == "server":
        parts.append(f"offered {test.rate:.4g}/s")
    parts.append(f"answered {recent.answered_per_second:.4g}/s")
    if recent.refused_per_second:
        parts.append(f"not {recent.refused_per_second:.4g}/s")
    if recent.seconds:
        p50, p97 = (percentile(recent.seconds, each) * 1e3 for each in (50, 97))
        parts.append(f"p50 {p50:.0f} ms  p97 {p97:.0f} ms")
    parts.append(f"in progress {len(recorder.sent) - len(recorder.answers)}")
    if len(readings) > 1:
        values = readings[-1].values
        parts.append(f"waiting {values.get('requests_waiting', 0):.0f}")
        rows = mean(readings[-2], readings[-1], "batch_rows")
        if rows is not None:
            parts.append(f"rows/step {rows:.1f}")
    return "  ".join(parts)


def run_line(run: Run, percentile_name: str) -> str:
    """Returns a run in one line."""
    parts: list[str] = [run.scenario]
    if run.target_rate is not None:
        parts.append(f"asked {run.target_rate:.4g}/s  offered {run.offered_rate:.4g}/s")
    parts.append(f"completed {run.completed_rate:.4g}/s")
    if run.latency_ms:
        shown = dict.fromkeys(("50", percentile_name, "99"))
        told = (
            f"p{name} {run.latency_ms[name]:.0f} ms" for name in shown if name in run.latency_ms
        )
        parts += told
    parts.append("VALID" if run.valid else f"INVALID: {'; '.join(run.reasons)}")
    return "  ".join(parts)
