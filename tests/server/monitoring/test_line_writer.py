"""Lines whose reader is quick, slow, stuck or gone."""

import contextlib
import os
import threading
from collections.abc import Iterator

import pytest

from dragoman_server.monitoring import line_writer
from dragoman_server.monitoring.line_writer import LineWriter

LINE = "x" * 999 + "\n"


class Pipe:
    """Both ends of a pipe that holds few bytes."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.held = b""

    def fill(self) -> bytes:
        """Leaves no room for another byte; returns what is in it then."""
        filling = b""
        os.set_blocking(self.writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                filling += b"." * os.write(self.writing, b"." * 4096)
        os.set_blocking(self.writing, True)
        return filling

    def read_until(self, end: bytes) -> bytes:
        while not self.held.endswith(end):
            self.held += os.read(self.reading, 65536)
        return self.held


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    ends = Pipe()
    yield ends
    for descriptor in (ends.reading, ends.writing):
        with contextlib.suppress(OSError):
            os.close(descriptor)


def test_lines_come_in_order(pipe: Pipe) -> None:
    lines = LineWriter(pipe.writing)
    for number in range(1000):
        lines.write(f"{number}\n")
    assert pipe.read_until(b"\n999\n") == b"".join(b"%d\n" % number for number in range(1000))
    assert lines.lines_lost == 0


def test_nobody_waits_for_a_reader_and_what_is_lost_is_counted_and_told(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    filling = pipe.fill()
    lines = LineWriter(pipe.writing, most_bytes=10 * len(LINE))
    told: list[int] = []

    def tell(_: object, *, extra: dict[str, int]) -> None:
        told.append(extra["lines"])
        lines.write("told\n")

    monkeypatch.setattr(line_writer._log, "warning", tell)
    for _ in range(200):
        lines.write(LINE)
    assert lines.lines_lost == 190
    written = pipe.read_until(b"told\n")
    assert written == filling + LINE.encode() * 10 + b"told\n"
    assert told == [190]


def test_a_line_that_would_never_fit_is_lost(pipe: Pipe) -> None:
    lines = LineWriter(pipe.writing, most_bytes=100)
    lines.write(LINE)
    lines.write("short\n")
    assert pipe.read_until(b"short\n") == b"short\n"
    assert lines.lines_lost == 1


def test_draining_takes_no_longer_than_it_may(pipe: Pipe) -> None:
    lines = LineWriter(pipe.writing)
    for _ in range(200):
        lines.write(LINE)
    lines.drain(0.01)
    reader = threading.Thread(target=lambda: pipe.read_until(b"last\n"))
    reader.start()
    lines.write("last\n")
    lines.drain(60)
    reader.join()
    assert pipe.held == LINE.encode() * 200 + b"last\n"


@pytest.mark.parametrize("end", ["reading", "writing"])
def test_an_end_that_is_closed_costs_lines_and_nothing_else(end: str, pipe: Pipe) -> None:
    lines = LineWriter(pipe.writing)
    os.close(getattr(pipe, end))
    for _ in range(3):
        lines.write(LINE)
    lines.drain(60)
    assert lines.lines_lost == 3


def test_a_descriptor_that_does_not_block_is_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.writing, False)
    lines = LineWriter(pipe.writing)
    for _ in range(200):
        lines.write(LINE)
    lines.write("last\n")
    assert pipe.read_until(b"last\n") == LINE.encode() * 200 + b"last\n"
    assert lines.lines_lost == 0


def test_what_is_no_text_is_written_escaped(pipe: Pipe) -> None:
    LineWriter(pipe.writing).write("\ud800\n")
    assert pipe.read_until(b"\n") == b"\\ud800\n"
