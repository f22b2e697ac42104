"""Where translated lines go: a stream, or a file that has its name once it is whole.

What is not finished stands beside the output as NAME.partial, with a journal, and another run can
go on with it. Knows files. Does not know what is in the lines.
"""

import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from dragoman.commands.durable import durable_file, put_in_place
from dragoman.commands.errors import CommandError
from dragoman.commands.journal import (
    Earlier,
    Journal,
    Problem,
    Run,
    read_document_journal,
    read_journal,
)
from dragoman.commands.terminal import drop_output

PARTIAL = ".partial"
JOURNAL = ".journal"

Compose = Callable[[bytes], bytes]
"""Makes a file of the lines that were written."""


class Output(Protocol):
    """What a job of lines writes to."""

    earlier: Earlier

    def write(self, lines: Sequence[bytes], number: int, problem: Problem | None) -> None:
        """Writes what line `number` of the input became, and what is wrong with it."""

    def finish(self) -> None:
        """All lines are written."""

    def leave(self) -> str:
        """The job is given up; returns how to go on with it, empty where that cannot be."""


class StreamOutput:
    """Standard output, or a file that is none, such as a pipe or /dev/null."""

    def __init__(self, stream: BinaryIO) -> None:
        self.earlier = Earlier()
        self._stream = stream

    def write(self, lines: Sequence[bytes], number: int, problem: Problem | None) -> None:
        """See Output."""
        del number, problem
        self._stream.writelines(lines)
        self._stream.flush()

    def finish(self) -> None:
        """See Output."""

    def leave(self) -> str:
        """See Output."""
        try:
            self._stream.flush()
        except OSError:  # what could not be written is told already
            if self._stream is sys.stdout.buffer:
                drop_output()
        return ""


class Place(NamedTuple):
    """Where a file is to be, and what may be done for it."""

    path: Path
    force: bool
    """Whether what is there already may be overwritten."""

    resume: bool
    """Whether an unfinished run is gone on with, where there is one."""

    @property
    def target(self) -> Path:
        """The file itself, where the path is a link to it."""
        return Path(os.path.realpath(self.path))  # unlike resolve, also of a link to itself

    @property
    def partial(self) -> Path:
        """What is not finished."""
        return self.target.with_name(self.target.name + PARTIAL)

    @property
    def journal(self) -> Path:
        """What is known of it."""
        return self.partial.with_name(self.partial.name + JOURNAL)

    @property
    def is_stream(self) -> bool:
        """Whether it is there and no regular file, so that nothing can take its place."""
        return self.path.exists() and not self.path.is_file()

    def check(self) -> None:
        """Finds out before any work whether the file may be written.

        Raises:
            CommandError: It may not.
        """
        if self.path.is_dir():
            raise CommandError(f"--output {self.path} is a directory")
        if self.is_stream:
            if self.resume:
                raise CommandError(f"--resume: {self.path} is no file that can be gone on with")
            return
        if not self.target.parent.is_dir():
            raise CommandError(f"--output {self.path}: there is no directory {self.target.parent}")
        unfinished = self.partial.exists()
        if unfinished and not (self.resume or self.force):
            raise CommandError(
                f"{self.partial} is of an unfinished run: --resume goes on with it, --force starts "
                "again"
            )
        if self.path.exists() and not self.force and not (self.resume and unfinished):
            raise CommandError(f"{self.path} is there already: --force overwrites it")


class FileOutput:
    """A file that another run can go on with, and that is put in its place at the end."""

    def __init__(
        self, place: Place, run: Run, lines_each: int, compose: Compose | None = None
    ) -> None:
        """Opens what an earlier run left, or a new file.

        Args:
            place: Where.
            run: What it is; its `input` is None where it cannot be known again.
            lines_each: Lines that are written for each of the input.
            compose: Makes the file of its lines; None where they are the file.

        Raises:
            CommandError: The earlier run was another one, or one is still at it.
            OSError: It cannot be read or written.
        """
        self._place = place
        self._compose = compose
        self._can_resume = run["input"] is not None
        resumes = place.resume and place.partial.exists()
        # "ab", as it must not be emptied before it is known that nobody else writes it.
        self._file: BinaryIO = place.partial.open("r+b" if resumes else "ab")
        self._lock()
        try:
            self.earlier = self._read(run, lines_each) if resumes else Earlier()
            self._file.truncate(None if resumes else 0)
            self._journal = Journal(place.journal, run, self.earlier)
        except BaseException:
            self._file.close()
            if not resumes:
                place.partial.unlink()
            raise
        self._done = self.earlier.done

    def write(self, lines: Sequence[bytes], number: int, problem: Problem | None) -> None:
        """See Output."""
        if problem:
            self._journal.note(number, problem)
        self._file.writelines(lines)
        self._file.flush()
        self._done = number

    def finish(self) -> None:
        """See Output."""
        if self._place.target.exists():
            shutil.copymode(self._place.target, self._place.partial)
        if self._compose is None:
            put_in_place(self._file, self._place.partial, self._place.target)
        else:
            self._put_composed(self._compose)
        self._close()
        self._place.partial.unlink(missing_ok=True)
        self._place.journal.unlink(missing_ok=True)

    def _put_composed(self, compose: Compose) -> None:
        """Puts in place what the lines make, and keeps the lines until it is there."""
        with durable_file(self._place.target) as file:
            shutil.copymode(self._place.partial, file.name)
            file.write(compose(self._place.partial.read_bytes()))

    def leave(self) -> str:
        """See Output."""
        with contextlib.suppress(OSError):  # a full disk, say, of which is told already
            self._close()
        if self._done:
            how = ": --resume goes on with it" if self._can_resume else ""
            return f"what is done is kept in {self._place.partial}{how}"
        self._place.partial.unlink(missing_ok=True)
        self._place.journal.unlink(missing_ok=True)
        return ""

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise CommandError(f"another run is writing {self._place.partial}") from None
        except OSError:
            return  # a file system without locks

    def _read(self, run: Run, lines_each: int) -> Earlier:
        """Finds how many lines are done, and goes to their end."""
        done, end = _whole_lines(self._file, lines_each)
        earlier = read_journal(self._place.journal, run, done)
        self._file.seek(end)
        return earlier

    def _close(self) -> None:
        self._journal.close()
        self._file.close()


class DocumentFileOutput(FileOutput):
    """Of a document: its parts have any number of lines, and the journal says where each ends."""

    def __init__(self, place: Place, run: Run) -> None:
        """As FileOutput."""
        super().__init__(place, run, lines_each=1)

    def write(self, lines: Sequence[bytes], number: int, problem: Problem | None) -> None:
        """See Output."""
        self._journal.note_end(self._file.tell() + sum(map(len, lines)))
        super().write(lines, number, problem)

    def _read(self, run: Run, lines_each: int) -> Earlier:
        """Finds how many parts are done, and goes to their end."""
        del lines_each
        size = self._file.seek(0, os.SEEK_END)
        earlier = read_document_journal(self._place.journal, run, size)
        self._file.seek(earlier.ends[-1] if earlier.ends else 0)
        return earlier


def _whole_lines(file: BinaryIO, lines_each: int) -> tuple[int, int]:
    """Returns how many times so many lines are there whole, and where the last of them ends."""
    done = end = position = 0
    for number, line in enumerate(file, start=1):
        position += len(line)
        if line.endswith(b"\n") and number % lines_each == 0:
            done, end = done + 1, position
    return done, end
