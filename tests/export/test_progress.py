"""What is told of a stage, in a log and on a terminal."""

import contextlib
import os
import re
import sys
import threading
from collections.abc import Callable

import pytest

from dragoman_export.progress import LineProgress, TerminalProgress


def shown(monkeypatch: pytest.MonkeyPatch, work: Callable[[], None]) -> str:
    """What the work writes to standard error where that is a terminal."""
    outer, inner = os.openpty()
    monkeypatch.setenv("TERM", "xterm")
    pieces: list[bytes] = []
    with os.fdopen(inner, "w", encoding="utf-8") as stream, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", stream)
        reading = threading.Thread(target=read_all, args=(outer, pieces))
        reading.start()
        work()
    reading.join()
    os.close(outer)
    return b"".join(pieces).decode()


def read_all(terminal: int, pieces: list[bytes]) -> None:
    """Reads until nobody writes to the terminal any more, which is an error of its own kind."""
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 1 << 16):
            pieces.append(piece)


def test_a_log_has_a_line_for_each_stage(capsys: pytest.CaptureFixture[str]) -> None:
    progress = LineProgress()
    with progress.stage("load"):
        assert capsys.readouterr().err == "load ... "
        progress.done(0.5)

    assert capsys.readouterr().err.endswith(" s\n")


def test_a_stage_that_failed_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError, match="full"), LineProgress().stage("save"):
        raise OSError("full")

    assert capsys.readouterr().err == "save ... failed\n"


def test_a_terminal_shows_the_time_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def verify() -> None:
        progress = TerminalProgress()
        with progress.stage("verify on [41] sentences"):
            progress.done(0.5)

    text = shown(monkeypatch, verify)

    assert re.search(r"verify on \[41\] sentences .*0:00:00.*about 0 s left", text)
    assert text.splitlines()[-1].endswith("verify on [41] sentences ... 0.0 s")


def test_what_is_done_outside_a_stage_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    def trace() -> None:
        progress = TerminalProgress()
        progress.done(0.5)
        with progress.stage("trace"):
            pass
        progress.done(1.0)

    assert "trace ... 0.0 s" in shown(monkeypatch, trace)
