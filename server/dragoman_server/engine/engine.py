"""One engine: a scheduler, a search and a runner, stepped by one thread.

    waiting -> Scheduler -> EncodeBatch | DecodeBatch -> ModelRunner -> Search -> finished

Knows sequences and time; knows nothing of asyncio, gRPC or onnxruntime.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from collections.abc import Sequence as ListOf
from typing import NamedTuple, Protocol

from dragoman_server.engine.forecast import step_costs
from dragoman_server.engine.scheduler import Decision, DecodeBatch, EncodeBatch
from dragoman_server.errors import BackendError, DeadlineError, DragomanError, OutOfMemoryError
from dragoman_server.runtime import Runner
from dragoman_server.search import Search
from dragoman_server.sequence import Completion, FinishReason, Outcome, Sequence

_log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 1.0
"""Where a step had no memory."""


class Progress(NamedTuple):
    """What one step has to tell."""

    finished: list[tuple[Sequence, Outcome]]
    partial: list[tuple[Sequence, list[int]]]
    """Target tokens so far of the sequences that want them."""


class Schedules(Protocol):
    """What is needed of a Scheduler."""

    def schedule(self, running_rows: int, now: float) -> Decision:
        """Returns what to run while `running_rows` rows are held."""

    def observe_step(self, rows: int, seconds: float) -> None:
        """Learns what a decoding step took, with all that came between it and the one before."""

    def freed(self, sequences: list[Sequence], now: float) -> None:
        """Is told that rows are free again that were these sequences'."""


class Counts(Protocol):
    """What is needed of EngineMetrics."""

    def encoded(self, seconds: float, *, source_tokens: int) -> None:
        """Counts an encoder run."""

    def decoded(self, seconds: float, *, rows: int) -> None:
        """Counts a decoding step."""

    def expired(self, texts: int = 1) -> None:
        """Counts texts whose deadline passed while they waited."""

    def finished(self, ended: ListOf[tuple[Sequence, int]]) -> None:
        """Counts sequences that ended with a translation of so many tokens each."""


def expired(sequences: Iterable[Sequence]) -> Progress:
    """Returns the end of sequences whose deadline passed while they waited."""
    return Progress(
        [
            (sequence, DeadlineError("the deadline passed before the translation began"))
            for sequence in sequences
        ],
        [],
    )


def failed(sequences: Iterable[Sequence], error: BaseException) -> Progress:
    """Returns the end of sequences that an error ended."""
    failure: DragomanError = BackendError("translating failed; the server's log says why")
    if isinstance(error, MemoryError):
        failure = OutOfMemoryError(
            "there was no memory to translate it", retry_after_seconds=RETRY_AFTER_SECONDS
        )
    failure.__cause__ = error
    return Progress([(sequence, failure) for sequence in sequences], [])


class Engine:
    """Takes sequences from the queue and reports each one's outcome exactly once.

    Args:
        deliver: Called on the engine's thread after every step that has something to tell.
        clock: Seconds, monotonic; the same that stamped Sequence.arrived_at and deadline.

    Attributes:
        step_costs: What its decoding steps take; see forecast.py.
        step_began_at: When the step that runs began; inf between steps.
    """

    def __init__(
        self,
        *,
        scheduler: Schedules,
        search: Search,
        runner: Runner,
        metrics: Counts,
        deliver: Callable[[Progress], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scheduler = scheduler
        self._search = search
        self._runner = runner
        self._metrics = metrics
        self._deliver = deliver
        self._clock = clock
        self.step_costs = step_costs()
        self.step_began_at = math.inf
        self._stepped_at: float | None = None  # end of the last decoding step; None while idle
        self._cancelled: deque[Sequence] = deque()
        self._newcomers: list[Sequence] = []  # taken from the queue, not yet admitted to rows
        self._without_token: list[Sequence] = []
        self._watched: set[Sequence] = set()

    @property
    def rows(self) -> int:
        """Rows in use or about to be."""
        return self._search.reserved_rows

    @property
    def running(self) -> int:
        """Sequences that hold rows."""
        return len(self._search)

    def cancel(self, sequence: Sequence) -> None:
        """Frees the sequence's rows before the next step. Any thread may call it."""
        self._cancelled.append(sequence)

    def step(self) -> bool:
        """Encodes newcomers or decodes one token for every row; False where nothing is to do."""
        try:
            self._drop_cancelled()
        except Exception as error:  # noqa: BLE001 as below
            self._deliver(self._failed(error))
        now = self._clock()
        batch, late = self._scheduler.schedule(self._search.reserved_rows, now)
        if late:
            self._tell_expired(late)
        if batch is None:
            self._stepped_at = None
            return False
        if self._stepped_at is None:
            self._stepped_at = now
        self.step_began_at = now
        try:
            progress = self._run(batch)
        except Exception as error:  # noqa: BLE001 whatever it is, it must not stop the thread
            progress = self._failed(error)
        self.step_began_at = math.inf
        if progress.finished or progress.partial:
            self._deliver(progress)
        return True

    def _run(self, batch: EncodeBatch | DecodeBatch) -> Progress:
        if isinstance(batch, DecodeBatch):
            return self._decode()
        self._newcomers = batch.sequences
        self._encode(batch.sequences)
        self._newcomers = []
        return Progress([], [])

    def _encode(self, sequences: list[Sequence]) -> None:
        started = self._clock()
        self._runner.encode(
            [s.source_ids for s in sequences],
            self._search.rows,
            [s.options.told_ids for s in sequences],
        )
        ended = self._clock()
        self._search.admit(sequences)
        self._without_token.extend(sequences)
        self._watched.update(s for s in sequences if s.wants_partial)
        for sequence in sequences:
            sequence.started_at, sequence.encoded_at = started, ended
        tokens = sum(len(s.source_ids) for s in sequences)
        self._metrics.encoded(ended - started, source_tokens=tokens)

    def _decode(self) -> Progress:
        search = self._search
        rows = search.rows
        started = self._clock()
        candidates = self._runner.decode(
            search.token_ids,
            search.positions,
            search.source_last,
            candidate_count=search.candidate_count,
            with_normalizers=search.wants_normalizers,
            wanted_ids=search.wanted_ids,
        )
        ended = self._clock()
        advance = search.advance(candidates)
        if advance.forks:
            self._runner.fork(advance.forks)
        for copies in advance.copies:
            self._runner.copy(copies)
        self._stamp_first_tokens(ended)
        self._observe_step(rows, ended)
        finished: list[tuple[Sequence, Outcome]] = []
        for sequence, completion in advance.finished:
            sequence.ended_at = ended
            if sequence.wants_timing:
                completion = completion._replace(timing=sequence.timing)  # noqa: PLW2901
            finished.append((sequence, completion))
        if finished:
            self._metrics.finished([(each, len(end.token_ids)) for each, end in advance.finished])
            self._release(finished)
        self._metrics.decoded(ended - started, rows=rows)
        return Progress(finished, self._partial() if self._watched else [])

    def _observe_step(self, rows: int, ended: float) -> None:
        """Learns what a step costs, with all that came between it and the one before."""
        if self._stepped_at is not None:
            seconds = ended - self._stepped_at
            self.step_costs.observe(rows, seconds)
            self._scheduler.observe_step(rows, seconds)
        self._stepped_at = ended

    def _stamp_first_tokens(self, now: float) -> None:
        for sequence in self._without_token:
            sequence.first_token_at = now
        self._without_token.clear()

    def _partial(self) -> list[tuple[Sequence, list[int]]]:
        self._watched.intersection_update(self._search.sequences)
        return [(sequence, self._search.tokens(sequence)) for sequence in self._watched]

    def _drop_cancelled(self) -> None:
        gone: list[Sequence] = []
        while self._cancelled:
            sequence = self._cancelled.popleft()
            if sequence in self._search and sequence not in gone:
                gone.append(sequence)  # else another engine's, or finished already
        if gone:
            cancelled = Completion([], FinishReason.CANCELLED, None)
            ended: list[tuple[Sequence, Outcome]] = [(sequence, cancelled) for sequence in gone]
            self._release(ended)
            self._deliver(Progress(ended, []))

    def _tell_expired(self, sequences: list[Sequence]) -> None:
        self._metrics.expired(len(sequences))
        self._deliver(expired(sequences))

    def _release(self, ended: list[tuple[Sequence, Outcome]]) -> None:
        """Frees the rows of what has ended, and tells it even where the others' cannot be moved."""
        gone = [sequence for sequence, _ in ended]
        self._scheduler.freed(gone, self._clock())
        moves = self._search.release(gone)
        try:
            if moves:
                self._runner.move(moves)
        except BaseException:
            self._deliver(Progress(ended, []))
            raise

    def abandon(self, error: BaseException) -> None:
        """Ends every sequence that the engine holds; for a thread that cannot go on."""
        held = dict.fromkeys([*self._give_up_newcomers(), *self._release_all()])
        self._deliver(failed(held, error))

    def _failed(self, error: Exception) -> Progress:
        """Ends what a failed step was for; newcomers' failure leaves the running rows alone."""
        _log.exception("step_failed")
        broken = self._give_up_newcomers()
        if not broken:
            return failed(self._release_all(), error)
        # The search may have taken some of them before it failed: the last rows, so none moves.
        moves = self._search.release([sequence for sequence in broken if sequence in self._search])
        assert not moves
        return failed(broken, error)

    def _give_up_newcomers(self) -> list[Sequence]:
        newcomers, self._newcomers = self._newcomers, []
        self._scheduler.freed(newcomers, self._clock())
        return newcomers

    def _release_all(self) -> list[Sequence]:
        held = self._search.sequences
        self._search.release(held)
        self._scheduler.freed(held, self._clock())
        self._without_token.clear()
        return held
