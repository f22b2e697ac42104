"""What an unfinished run was, and what became of its lines, so that another can go on with it.

A file of JSON lines beside the output: first what the run is, then each line that is not as it
should be, noted before its translation is written. Does not know the output.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dragoman.commands.durable import write_durably
from dragoman.commands.errors import CommandError

Problem = Literal["failed", "cut"]

Run = dict[str, object]
"""All that the output depends on, as JSON has it."""


@dataclass
class Earlier:
    """What an earlier run of the same job did."""

    done: int = 0
    """Lines of the input whose translations are written."""

    problems: dict[int, Problem] = field(default_factory=dict)
    """Of them, by their number from 1, those that failed and those that lack their end."""


class Journal:
    """The file, open for what follows."""

    def __init__(self, path: Path, run: Run, earlier: Earlier) -> None:
        """Writes down what the run is, and what an earlier one did."""
        noted = [_encode({problem: line}) for line, problem in earlier.problems.items()]
        write_durably(path, _encode(run) + b"".join(noted))
        self._file = path.open("ab")

    def note(self, line: int, problem: Problem) -> None:
        """Notes what became of a line."""
        self._file.write(_encode({problem: line}))
        self._file.flush()

    def close(self) -> None:
        """Ends writing."""
        self._file.close()


def read_journal(path: Path, run: Run, done: int) -> Earlier:
    """Reads what an earlier run noted.

    Args:
        path: The journal.
        run: The one that is to go on.
        done: Lines whose translations the earlier one wrote.

    Raises:
        CommandError: It was another run, and what differs; or the journal cannot be read.
    """
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
    problems = {line: problem for note in notes for problem, line in note.items() if line <= done}
    return Earlier(done, problems)


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
