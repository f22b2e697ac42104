"""An engine in a process of its own, as the owner of the queue sees it.

It is given what it encodes at once, and one batch more while it is busy with that: so it never
waits for the answer to a question. Used on one event loop. Knows rows and reports; does not know
how messages travel.
"""

import itertools
import math
import time
from collections.abc import Callable
from collections.abc import Sequence as ListOf

from dragoman_server.engine import (
    EngineMetrics,
    Headroom,
    Progress,
    WaitingQueue,
    WideLine,
    expired,
    failed,
    step_costs,
)
from dragoman_server.engine.scheduler import MEMORY_STEPS, WORTHWHILE_SHARE
from dragoman_server.hosting.messages import Admit, Cancel, Decoded, Ended, Report, Text
from dragoman_server.sequence import Completion, FinishReason, Outcome, Sequence


class HostedEngine:
    """Takes sequences from the queue, for an engine elsewhere.

    Args:
        index: Of the queue's engines.
        place: Of the engines of its process.
        queue: Where texts wait.
        max_batch_size: Rows that it has.
        max_encode_tokens: Most source tokens that it encodes at once.
        metrics: Where its steps are counted.
        send: Sends it a message.
        settle: Told how sequences ended.
        clock: Seconds, monotonic; the engine's.
    """

    def __init__(
        self,
        index: int,
        place: int,
        queue: WaitingQueue,
        *,
        max_batch_size: int,
        max_encode_tokens: int,
        metrics: EngineMetrics,
        send: Callable[[Admit | Cancel], None],
        settle: Callable[[Progress], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._index = index
        self._place = place
        self._queue = queue
        self._max_batch_size = max_batch_size
        self._max_encode_tokens = max_encode_tokens
        self._metrics = metrics
        self._send = send
        self._settle = settle
        self._clock = clock
        self._count_up = itertools.count()
        self._held: dict[int, Sequence] = {}
        self._numbers: dict[Sequence, int] = {}
        """Of the sequences that it has been given and that have not ended."""
        self.rows = 0
        """That these take."""
        self.takes_more = True
        """Whether it has begun with the last batch that it was given."""
        self.step_costs = step_costs()
        costs = WideLine(MEMORY_STEPS)
        self._costs, self._headroom = costs, Headroom(costs)
        self._heard_at = 0.0

    @property
    def running(self) -> int:
        """Sequences that it has been given and that have not ended."""
        return len(self._held)

    @property
    def step_began_at(self) -> float:
        """When it was heard of last, if it has something to do; inf otherwise."""
        return self._heard_at if self._held else math.inf

    def offer(self) -> None:
        """Gives it what it should encode next, if there is room for that."""
        free_rows = self._max_batch_size - self.rows
        if not (self.takes_more and free_rows):
            return
        newcomers, late = self._queue.take(
            self._index,
            running_rows=self.rows,
            free_rows=free_rows,
            worthwhile_rows=int(self._max_batch_size * WORTHWHILE_SHARE),
            max_tokens=self._max_encode_tokens,
            headroom=self._headroom,
            now=self._clock(),
        )
        if late:
            self._metrics.expired(len(late))
            self._settle(expired(late))
        if newcomers:
            self._give(newcomers)

    def cancel(self, sequence: Sequence) -> None:
        """Frees a sequence's rows, if it was given to this engine."""
        number = self._numbers.get(sequence)
        if number is not None:
            self._send(Cancel(self._place, number))

    def receive(self, report: Report) -> None:
        """Takes in what the engine did."""
        self._heard_at = now = self._clock()
        self.takes_more |= report.has_begun
        for encoded in report.encoded:
            self._metrics.encoded(encoded.seconds, source_tokens=encoded.source_tokens)
        if report.decoded:
            self._observe(report.decoded, now)
        if report.expired:
            self._metrics.expired(report.expired)
        finished = [self._end(ended) for ended in report.ended]
        self._count(finished, report.ended)
        if finished:
            self._queue.freed(self._index, [sequence for sequence, _ in finished], now)
        if finished or report.partial:
            self._settle(Progress(finished, self._partial(report.partial)))
        self.offer()

    def abandon(self, error: BaseException) -> None:
        """Ends all that it was given: its process is gone."""
        held = list(self._numbers)
        self._held.clear()
        self._numbers.clear()
        self.rows = 0
        self.takes_more = False
        self._queue.freed(self._index, held, self._clock())
        self._settle(failed(held, error))

    def _give(self, sequences: list[Sequence]) -> None:
        if not self._held:
            self._heard_at = self._clock()
        self.takes_more = False
        texts = []
        for sequence in sequences:
            number = next(self._count_up)
            self._held[number] = sequence
            self._numbers[sequence] = number
            self.rows += sequence.rows
            texts.append(
                Text(
                    number,
                    sequence.source_ids,
                    sequence.options,
                    sequence.wants_partial,
                    sequence.wants_timing,
                    sequence.deadline,
                    sequence.arrived_at,
                )
            )
        self._send(Admit(self._place, texts))

    def _observe(self, steps: ListOf[Decoded], now: float) -> None:
        """Learns what steps took, all at once."""
        count = len(steps)
        rows = sum([step.rows for step in steps])
        seconds = sum([step.whole_seconds for step in steps]) / count
        self._metrics.decoded_all([step.seconds for step in steps], [step.rows for step in steps])
        self.step_costs.observe(rows / count, seconds)
        self._costs.observe(rows // count, seconds)
        light_rows = self._queue.light_rows(self._index)
        self._headroom.observe(min(light_rows * count, rows), rows, now)

    def _end(self, ended: Ended) -> tuple[Sequence, Outcome]:
        sequence = self._held.pop(ended.number)
        del self._numbers[sequence]
        self.rows -= sequence.rows
        sequence.started_at = ended.started_at
        sequence.encoded_at = ended.encoded_at
        sequence.first_token_at = ended.first_token_at
        return sequence, ended.outcome

    def _count(self, finished: ListOf[tuple[Sequence, Outcome]], ended: ListOf[Ended]) -> None:
        translated = [
            (sequence, len(outcome.token_ids))
            for sequence, outcome in finished
            if isinstance(outcome, Completion)
            and outcome.finish_reason is not FinishReason.CANCELLED
        ]
        if translated:
            self._metrics.finished(translated, ended[-1].ended_at)

    def _partial(self, partial: ListOf[tuple[int, list[int]]]) -> list[tuple[Sequence, list[int]]]:
        return [(self._held[number], tokens) for number, tokens in partial if number in self._held]
