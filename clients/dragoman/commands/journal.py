"""What an unfinished run was, and what became of its lines, so that another can go on with it.

A file of JSON lines beside the output: first what the run is, then each line that is not as it
should be, noted before its translation is written. Does not know the output.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from dragoman.commands.durable import write_durably
from dragoman.commands.errors import CommandError

Problem = Literal["failed", "cut"]

END = "end"

Run = dict[str, object]
"""All that the output depends on, as JSON has it."""


@dataclass
class Earlier:
    """What an earlier run of the same job did."""

    done: int = 0
    """Lines of the input whose translations are written."""

    problems: dict[int, Problem] = field(default_factory=dict)
    """Of them, by their number from 1, those that failed and those that lack their end."""

    ends: list[int] = field(default_factory=list)
    """Of a document, where in the output each of its parts ends, in bytes."""


class Journal:
    """The file, open for what follows."""

    def __init__(self, path: Path, run: Run, earlier: Earlier) -> None:
        """Writes down what the run is, and what an earlier one did."""
        noted = [_encode({problem: line}) for line, problem in earlier.problems.items()]
        noted += [_encode({END: end}) for end in earlier.ends]
        write_durably(path, _encode(run) + b"".join(noted))
        self._file = path.open("ab")

    def note(self, line: int, problem: Problem) -> None:
        """Notes what became of a line."""
        self._file.write(_encode({problem: line}))
        self._file.flush()

    def note_end(self, end: int) -> None:
        """Notes where in the output the next part of a document will end, in bytes."""
        self._file.write(_encode({END: end}))
        self._file.flush()

    def close(self) -> None:
        """Ends writing."""
        self._file.close()


def read_journal(path: Path, run: Run, done: int) -> Earlier:
    """Reads what an earlier run noted of lines.

    Args:
        path: The journal.
        run: The one that is to go on.
        done: Lines whose translations the earlier one wrote.

    Raises:
        CommandError: As read_document_journal does.
    """
    return Earlier(done, _problems(_notes(path, run), done))


def read_document_journal(path: Path, run: Run, size: int) -> Earlier:
    """Reads what an earlier run noted of a document's parts.

    Args:
        path: The journal.
        run: The one that is to go on.
        size: Bytes that the earlier one wrote.

    Raises:
        CommandError: It was another run, and what differs; or the journal cannot be read.
    """
    notes = _notes(path, run)
    ends = [note[END] for note in notes if note.get(END, size + 1) <= size]
    return Earlier(len(ends), _problems(notes, len(ends)), ends)


def _notes(path: Path, run: Run) -> list[dict[str, int]]:
    """Returns what was noted; raises CommandError where it was of another run."""
    notes: list[dict[str, int]]
    try:
        *whole, _ = path.read_bytes().split(b"\n")  # the last was cut off, or is empty
        was, *notes = [json.loads(line) for line in whole]
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read ({error}): --force starts again") from None
    if found := list(differences(was, json.loads(_encode(run)))):
        raise CommandError(
            f"{path.with_suffix('')} is of another run, which cannot be gone on with: "
            f"{'; '.join(found)}. --force starts again"
        )
    return notes


def _problems(notes: list[dict[str, int]], done: int) -> dict[int, Problem]:
    return {
        line: cast("Problem", problem)
        for note in notes
        for problem, line in note.items()
        if problem != END and line <= done
    }


def differences(earlier: object, now: object, name: str = "") -> Iterator[str]:
    """Yields what differs, each with its name: `options.beam_size was 4 and is 1`."""
    if isinstance(earlier, dict) and isinstance(now, dict):
        for key in sorted(earlier.keys() | now.keys()):
            path = f"{name}.{key}" if name else key
            if key not in now:
                yield f"{path} is missing"
            elif key not in earlier:
                yield f"{path} is new"
            else:
                yield from differences(earlier[key], now[key], path)
    elif earlier != now:
        yield f"{name} was {json.dumps(earlier)} and is {json.dumps(now)}"


def _encode(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode() + b"\n"
