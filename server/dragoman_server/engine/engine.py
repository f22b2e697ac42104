"""One engine: a scheduler, a search and a runner, stepped by one thread.

    waiting -> Scheduler -> EncodeBatch | DecodeBatch -> ModelRunner -> Search -> finished

Knows sequences and time; knows nothing of asyncio, gRPC or onnxruntime.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from dragoman_server.engine.engine_metrics import EngineMetrics
from dragoman_server.engine.forecast import step_costs
from dragoman_server.engine.scheduler import DecodeBatch, EncodeBatch, Scheduler
from dragoman_server.errors import BackendError, DeadlineError
from dragoman_server.runtime import Runner
from dragoman_server.search import Search
from dragoman_server.sequence import Completion, FinishReason, Outcome, Sequence

_log = logging.getLogger(__name__)


class Progress(NamedTuple):
    """What one step has to tell."""

    finished: list[tuple[Sequence, Outcome]]
    partial: list[tuple[Sequence, list[int]]]
    """Target tokens so far of the sequences that want them."""


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
        scheduler: Scheduler,
        search: Search,
        runner: Runner,
        metrics: EngineMetrics,
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
        self._drop_cancelled()
        now = self._clock()
        batch, expired = self._scheduler.schedule(self._search.reserved_rows, now)
        if expired:
            self._tell_expired(expired)
        if batch is None:
            self._stepped_at = None
            return False
        if self._stepped_at is None:
            self._stepped_at = now
        self.step_began_at = now
        try:
            progress = self._run(batch)
        except Exception as error:  # noqa: BLE001 whatever it is, it must not stop the thread
            _log.exception("step_failed")
            # What the failed step was for; newcomers' failure leaves the running rows alone.
            progress = self._fail(self._newcomers or self._release_all(), error)
            self._newcomers = []
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
        self._runner.encode([s.source_ids for s in sequences], self._search.rows)
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
            self._metrics.finished(sequence, len(completion.token_ids), ended)
            if sequence.wants_timing:
                completion = completion._replace(timing=sequence.timing(ended))  # noqa: PLW2901
            finished.append((sequence, completion))
        if finished:
            self._release([sequence for sequence, _ in finished])
        self._metrics.decoded(ended - started, rows=rows)
        return Progress(finished, self._partial() if self._watched else [])

    def _observe_step(self, rows: int, ended: float) -> None:
        """Learns what a step costs, with all that came between it and the one before."""
        if self._stepped_at is not None:
            self.step_costs.observe(rows, ended - self._stepped_at)
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
            self._release(gone)
            cancelled = Completion([], FinishReason.CANCELLED, None)
            self._deliver(Progress([(sequence, cancelled) for sequence in gone], []))

    def _tell_expired(self, sequences: list[Sequence]) -> None:
        self._metrics.expired(len(sequences))
        finished: list[tuple[Sequence, Outcome]] = [
            (sequence, DeadlineError("the deadline passed before the translation began"))
            for sequence in sequences
        ]
        self._deliver(Progress(finished, []))

    def _release(self, sequences: list[Sequence]) -> None:
        moves = self._search.release(sequences)
        if moves:
            self._runner.move(moves)

    def abandon(self, error: BaseException) -> None:
        """Ends every sequence that the engine holds; for a thread that cannot go on."""
        self._deliver(self._fail([*self._newcomers, *self._release_all()], error))

    def _release_all(self) -> list[Sequence]:
        held = self._search.sequences
        self._search.release(held)
        self._without_token.clear()
        return held

    def _fail(self, sequences: list[Sequence], error: BaseException) -> Progress:
        failure = BackendError("translating failed; the server's log says why")
        failure.__cause__ = error
        return Progress([(sequence, failure) for sequence in sequences], [])
