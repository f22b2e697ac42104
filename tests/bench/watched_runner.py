"""A runner whose processor time is noted, in a file that several processes have mapped.

Knows runs of a model and who makes them. Does not know who asks for translations.
"""

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from dragoman_server.runtime.runner import Runner
from dragoman_server.search.candidates import NO_TOKENS, Candidates
from dragoman_server.search.rows import Move, RowCopies

Result = TypeVar("Result")


class Spent(NamedTuple):
    """What engines have done, and seconds of processor time that it took their threads."""

    encoder_runs: float
    newcomers: float
    """Encoded in them."""
    encoder: float
    steps: float
    rows: float
    """Of all steps."""
    decoder: float
    moves: float
    """Rows that take the places of others."""
    thread: float
    """All in all: the rest is Python around the model."""

    def since(self, before: Self) -> Self:
        """Returns what came of it since then."""
        return type(self)(*(now - then for now, then in zip(self, before, strict=True)))


class SpentLog:
    """A line of the file for each engine."""

    def __init__(self, path: Path, engines: int) -> None:
        mode = "r+" if path.exists() else "w+"
        shape = (engines, len(Spent._fields))
        self._lines: NDArray[np.float64] = np.memmap(path, np.float64, mode, shape=shape)  # type: ignore[call-overload]

    def line(self, engine: int) -> NDArray[np.float64]:
        """Returns what an engine writes to."""
        line: NDArray[np.float64] = self._lines[engine]
        return line

    def total(self) -> Spent:
        """Returns what all have done until now."""
        return Spent(*(float(column.sum()) for column in self._lines.copy().T))


class WatchedRunner:
    """Another runner, as its engine sees it.

    Args:
        runner: That does the work.
        line: Where it is noted.
    """

    def __init__(self, runner: Runner, line: NDArray[np.float64]) -> None:
        self._runner = runner
        self._line = line

    def encode(
        self,
        source_ids: list[list[int]],
        first_row: int,
        told_ids: Sequence[Collection[int]] = (),
        /,
    ) -> None:
        """See Runner."""
        self._timed("encoder", lambda: self._runner.encode(source_ids, first_row, told_ids))
        self._add("encoder_runs", 1)
        self._add("newcomers", len(source_ids))

    def decode(
        self,
        token_ids: NDArray[np.int64],
        positions: NDArray[np.int32],
        source_last: NDArray[np.int32],
        *,
        candidate_count: int,
        with_normalizers: bool,
        wanted_ids: NDArray[np.int64] = NO_TOKENS,
    ) -> Candidates:
        """See Runner."""

        def run() -> Candidates:
            return self._runner.decode(
                token_ids,
                positions,
                source_last,
                candidate_count=candidate_count,
                with_normalizers=with_normalizers,
                wanted_ids=wanted_ids,
            )

        candidates = self._timed("decoder", run)
        self._add("steps", 1)
        self._add("rows", len(token_ids))
        self._line[Spent._fields.index("thread")] = time.thread_time()
        return candidates

    def fork(self, forks: list[Move]) -> None:
        """See Runner."""
        self._timed("moves", lambda: self._runner.fork(forks))

    def copy(self, copies: RowCopies) -> None:
        """See Runner."""
        self._timed("moves", lambda: self._runner.copy(copies))

    def move(self, moves: list[Move]) -> None:
        """See Runner."""
        self._timed("moves", lambda: self._runner.move(moves))

    def _timed(self, part: str, work: Callable[[], Result]) -> Result:
        began = time.thread_time()
        result = work()
        self._add(part, time.thread_time() - began)
        return result

    def _add(self, part: str, amount: float) -> None:
        self._line[Spent._fields.index(part)] += amount
