"""Translates nonsense for a moment to see how fast some engines of a process are together.

Unlike runtime/trial.py it has the whole of an engine, search and all, as it is their Python that
engines of one interpreter wait for. Knows engines and time; does not know what runs them.
"""

import math
import threading
import time
from collections.abc import Callable
from collections.abc import Sequence as ListOf

from dragoman_server.engine import Decision, DecodeBatch, EncodeBatch, Engine, Progress
from dragoman_server.errors import DragomanError
from dragoman_server.runtime import Runner
from dragoman_server.search import Search
from dragoman_server.sequence import Sequence, TranslationOptions

ROWS = 32
"""Of an engine, at once, if it has so many."""
TOKENS = 16
"""Of a source and of its translation: an everyday sentence."""


class _Refill:
    """A Scheduler that gives a search of so many rows all of them anew once they have ended."""

    def __init__(self, rows: int, token_id: int) -> None:
        self.rows = rows
        self._source_ids = [token_id] * TOKENS
        self._options = TranslationOptions(TOKENS, min_decoding_length=TOKENS, return_scores=False)
        self.row_steps = 0

    def schedule(self, running_rows: int, now: float) -> Decision:  # noqa: ARG002
        if running_rows:
            return Decision(DecodeBatch(running_rows), [])
        texts = [Sequence(self._source_ids, self._options) for _ in range(self.rows)]
        return Decision(EncodeBatch(texts), [])

    def observe_step(self, rows: int, seconds: float) -> None:  # noqa: ARG002
        self.row_steps += rows

    def freed(self, sequences: list[Sequence], now: float) -> None:
        """There are always more."""


class _Uncounted:
    """In place of metrics."""

    def encoded(self, seconds: float, *, source_tokens: int) -> None:
        """See engine.Counts."""

    def decoded(self, seconds: float, *, rows: int) -> None:
        """See engine.Counts."""

    def expired(self, texts: int = 1) -> None:
        """See engine.Counts."""

    def finished(self, ended: ListOf[tuple[Sequence, int]]) -> None:
        """See engine.Counts."""


def rows_per_second(
    runners: ListOf[Runner],
    make_search: Callable[[], Search],
    *,
    rows: int,
    token_id: int,
    seconds: float,
) -> float:
    """Returns the rows that engines of these runners decode a second, each in a thread.

    Args:
        runners: That nobody else uses meanwhile; their caches are as good as new afterwards.
        make_search: Makes a search for one of them.
        rows: That each has.
        token_id: What is translated.
        seconds: How long it is tried.

    Raises:
        DragomanError: A step failed.
    """
    failures: list[DragomanError] = []

    def deliver(progress: Progress) -> None:
        outcomes = (outcome for _, outcome in progress.finished)
        failures.extend(each for each in outcomes if isinstance(each, DragomanError))

    schedulers = [_Refill(min(rows, ROWS), token_id) for _ in runners]
    engines = [
        Engine(
            scheduler=scheduler,
            search=make_search(),
            runner=runner,
            metrics=_Uncounted(),
            deliver=deliver,
        )
        for scheduler, runner in zip(schedulers, runners, strict=True)
    ]
    spent = [0.0] * len(engines)
    begin = threading.Barrier(len(engines))

    def run(index: int) -> None:
        engine, scheduler = engines[index], schedulers[index]
        warm = TOKENS * scheduler.rows  # what is new is slow once
        while scheduler.row_steps < warm and not failures:
            engine.step()
        begin.wait()
        started = time.perf_counter()
        scheduler.row_steps = 0
        # One step at least: a busy machine may give it no processor for so long.
        while not failures and (not scheduler.row_steps or time.perf_counter() < started + seconds):
            engine.step()
        spent[index] = time.perf_counter() - started

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(engines))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    pairs = zip(schedulers, spent, strict=True)
    return sum(scheduler.row_steps / max(own, math.ulp(1.0)) for scheduler, own in pairs)
