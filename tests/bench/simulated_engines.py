"""Engines without a model: a step sleeps as long as the model would compute, without the lock.

All else is the server's own. What an engine did is in a file that several processes have mapped.
Knows steps and rows. Does not know who asks for translations, nor in which process it is.
"""

import time
from collections.abc import Collection
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from dragoman_server.search.candidates import NO_TOKENS, Candidates
from dragoman_server.search.rows import Move, RowCopies
from dragoman_server.search.search import Search
from dragoman_server.sequence import Sequence
from tests.bench.many_engines_report import Kind

START_ID, TOKEN_ID, END_ID = 0, 7, 1
MAX_LENGTH = 200
"""Most target tokens of a text."""


MAX_ENCODE_TOKENS = 1024
"""As servers have it."""


class Linear(NamedTuple):
    """Seconds of a step, by its rows."""

    seconds: float
    seconds_per_row: float

    def at(self, rows: int) -> float:
        """Returns those of so many rows."""
        return self.seconds + self.seconds_per_row * rows


class StepCost(NamedTuple):
    """What a decoding step takes, with its share of what encodes newcomers."""

    model: Linear
    """In the model, without the interpreter's lock."""
    runner: Linear
    """In Python, in the runner: a simulated one spends it there too."""
    python: Linear
    """In Python, all in all."""

    @classmethod
    def parse(cls, fields: list[list[float]]) -> Self:
        """Reads what came through JSON."""
        return cls(*(Linear(*each) for each in fields))


@dataclass(frozen=True)
class Job:
    """What is to be measured."""

    kind: Kind
    engines: int
    rows: int
    """Of each."""
    cost: StepCost
    lengths: list[tuple[int, int]]
    """Source and target tokens of texts, to draw from."""
    seconds: float
    callers: int
    """Whose calls are in flight."""


class Seen(NamedTuple):
    """What an engine has done, as a line of the mapped file."""

    steps: float
    rows: float
    """Of all its steps."""
    model_seconds: float
    """That its steps were to compute."""
    held_seconds: float
    """For which it had texts, and so was within a step or between two."""
    held_since: float
    """Since when it has them; 0 where it has none."""


class Log:
    """The lines of all engines."""

    def __init__(self, path: Path, engines: int) -> None:
        shape = (engines, len(Seen._fields))
        mode = "r+" if path.exists() else "w+"
        self._lines: NDArray[np.float64] = np.memmap(path, np.float64, mode, shape=shape)  # type: ignore[call-overload]

    def line(self, engine: int) -> "Line":
        """Returns what an engine writes to."""
        return Line(self._lines[engine])

    def totals(self, now: float) -> Seen:
        """Returns what all have done until now, by time.monotonic."""
        steps, rows, model, held, since = self._lines.copy().T
        held = held + np.where(since > 0, now - since, 0.0)
        return Seen(*(float(column.sum()) for column in (steps, rows, model, held, since)))


class Line:
    """What one engine has done."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        self._values = values

    def stepped(self, rows: int, model_seconds: float) -> None:
        """Counts a decoding step."""
        self._values[:3] += 1, rows, model_seconds

    def begin(self) -> None:
        """Notes that it has texts from now on."""
        self._values[4] = time.monotonic()

    def rest(self) -> None:
        """Notes that it has none left."""
        self._values[3] += time.monotonic() - self._values[4]
        self._values[4] = 0.0


class SleepingRunner:
    """A Runner. A text's first source token says after how many it ends.

    Args:
        cost: What a step takes.
        line: Where it counts.
        max_rows: Rows that there is room for.
    """

    def __init__(self, cost: StepCost, line: Line, max_rows: int) -> None:
        self._cost = cost
        self._line = line
        self._lengths = np.zeros(max_rows, np.int32)

    def encode(
        self,
        source_ids: list[list[int]],
        first_row: int,
        _told_ids: ListOf[Collection[int]] = (),
    ) -> None:
        """See Runner."""
        if not first_row:
            self._line.begin()
        rows = slice(first_row, first_row + len(source_ids))
        self._lengths[rows] = [ids[0] for ids in source_ids]

    def decode(
        self,
        token_ids: NDArray[np.int64],
        positions: NDArray[np.int32],
        source_last: NDArray[np.int32],  # noqa: ARG002
        *,
        candidate_count: int,
        with_normalizers: bool,  # noqa: ARG002
        wanted_ids: NDArray[np.int64] = NO_TOKENS,  # noqa: ARG002
    ) -> Candidates:
        """See Runner."""
        rows = len(token_ids)
        seconds = self._cost.model.at(rows)
        self._line.stepped(rows, seconds)
        ends = positions >= self._lengths[:rows]
        ids = np.where(ends, END_ID, TOKEN_ID)[:, None].repeat(candidate_count, 1)
        scores = np.zeros((rows, candidate_count), np.float32)
        _spend(self._cost.runner.at(rows))
        time.sleep(seconds)
        return Candidates(ids, scores, scores[:, 0])

    def fork(self, forks: list[Move]) -> None:
        """See Runner. There are no beams here."""

    def copy(self, copies: RowCopies) -> None:
        """See Runner. Nor here."""

    def move(self, moves: list[Move]) -> None:
        """See Runner."""
        for move in moves:
            self._lengths[move.target] = self._lengths[move.source]


class WatchedSearch(Search):
    """The server's own search, which notes when it has nothing left."""

    def __init__(self, line: Line, max_rows: int) -> None:
        super().__init__(
            max_rows=max_rows, max_length=MAX_LENGTH, decoder_start_id=START_ID, end_id=END_ID
        )
        self._line = line

    def release(self, sequences: list[Sequence]) -> list[Move]:  # type: ignore[override]
        """See Search."""
        moves = super().release(sequences)
        if not len(self):
            self._line.rest()
        return moves


class Simulated(NamedTuple):
    """What an engine is made of."""

    search: Search
    runner: SleepingRunner


def simulated(cost: StepCost, line: Line, max_rows: int) -> Simulated:
    """Returns an engine's search and runner."""
    return Simulated(WatchedSearch(line, max_rows), SleepingRunner(cost, line, max_rows))


def _spend(seconds: float) -> None:
    """Spends processor time, as Python does: with the lock."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
