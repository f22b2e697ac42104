"""What is told of a stage, in a log and on a terminal."""

import os
import re
import sys
from collections.abc import Callable

import pytest

from dragoman_export.progress import LineProgress, TerminalProgress


def shown(monkeypatch: pytest.MonkeyPatch, work: Callable[[], None]) -> str:
    """What the work writes to standard error where that is a terminal."""
    outer, inner = os.openpty()
    os.set_blocking(outer, False)
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(inner, "w", encoding="utf-8") as stream, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", stream)
        work()
        stream.flush()
        text = os.read(outer, 1 << 16).decode()
    os.close(outer)
    return text


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
