"""An engine in a process of its own, as the owner of the queue sees it.

It is given what it encodes at once, and one batch more while it is busy with that: so it never
waits for the answer to a question. Used on one event loop. Knows rows and reports; does not know
how messages travel.
"""

import itertools
import math
import time
from collections.abc import Callable
from typing import NamedTuple, Self

from dragoman_server.engine import (
    EngineMetrics,
    Headroom,
    Line,
    Progress,
    WaitingQueue,
    WideLine,
    expired,
    failed,
)
from dragoman_server.engine.forecast import MEMORY_STEPS
from dragoman_server.engine.scheduler import MEMORY_STEPS as MEMORY_STEPS_OF_AN_ORDER
from dragoman_server.hosting.messages import Admit, Cancel, Ended, Report, Text, Work, outcome_of
from dragoman_server.sequence import Outcome, Sequence, TranslationOptions


class Costs(NamedTuple):
    """What decoding steps take, of engines that are alike."""

    line: Line
    """For the forecast."""
    wide: WideLine
    """For the headroom."""

    @classmethod
    def of(cls, engines: int) -> Self:
        """Returns what so many learn together, and remember as long as each would alone."""
        return cls(Line(engines * MEMORY_STEPS), WideLine(engines * MEMORY_STEPS_OF_AN_ORDER))


class HostedEngine:
    """Takes sequences from the queue, for an engine elsewhere.

    Args:
        index: Of the queue's engines.
        place: Of the engines of its process.
        queue: Where texts wait.
        max_batch_size: Rows that it has.
        worthwhile_rows: See WaitingQueue.take.
        max_encode_tokens: Most source tokens that it encodes at once.
        metrics: Where its steps are counted.
        costs: What steps take; it learns that with the others.
        pack_options: Packs a text's options.
        send: Sends it a message.
        settle: Told how sequences ended that it was not given.
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
        worthwhile_rows: int,
        metrics: EngineMetrics,
        costs: Costs,
        pack_options: Callable[[TranslationOptions], bytes],
        send: Callable[[Admit | Cancel], None],
        settle: Callable[[Progress], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._index = index
        self._place = place
        self._queue = queue
        self._max_batch_size = max_batch_size
        self._max_encode_tokens = max_encode_tokens
        self._worthwhile_rows = worthwhile_rows
        self._metrics = metrics
        self._costs = costs
        self._pack_options = pack_options
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
        self._headroom = Headroom(costs.wide)
        self._heard_at = 0.0

    @property
    def running(self) -> int:
        """Sequences that it has been given and that have not ended."""
        return len(self._held)

    @property
    def step_costs(self) -> Line:
        """What decoding steps take, its own and the others'."""
        return self._costs.line

    @property
    def step_began_at(self) -> float:
        """When it was heard of last, if it has something to do; inf otherwise."""
        return self._heard_at if self._held else math.inf

    def takes(self, least_free_rows: int) -> bool:
        """Whether it could be given something to encode next.

        Args:
            least_free_rows: That there are, where it has something to do.
        """
        rows = self.rows
        return self.takes_more and (not rows or self._max_batch_size - rows >= least_free_rows)

    def offer(self) -> None:
        """Gives it, as it has room, what it should encode next."""
        newcomers, late = self._queue.take(
            self._index,
            running_rows=self.rows,
            free_rows=self._max_batch_size - self.rows,
            worthwhile_rows=self._worthwhile_rows,
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

    def receive(self, report: Report, now: float) -> Progress:
        """Takes in what the engine did; returns what became of its texts."""
        self._heard_at = now
        self.takes_more |= report.has_begun
        if report.work is not None:
            self._observe(report.work, now)
        if report.expired:
            self._metrics.expired(report.expired)
        finished = [self._end(ended) for ended in report.ended]
        if finished:
            self._queue.freed(self._index, [sequence for sequence, _ in finished], now)
        held = self._held
        return Progress(
            finished, [(held[each], ids) for each, ids in report.partial if each in held]
        )

    def abandon(self, error: BaseException) -> Progress:
        """Ends all that it was given: its process is gone."""
        held = list(self._numbers)
        self._held.clear()
        self._numbers.clear()
        self.rows = 0
        self.takes_more = False
        self._queue.freed(self._index, held, self._clock())
        return failed(held, error)

    def _give(self, sequences: list[Sequence]) -> None:
        if not self._held:
            self._heard_at = self._clock()
        self.takes_more = False
        texts: list[Text] = []
        options, packed = None, b""
        for sequence in sequences:
            number = next(self._count_up)
            self._held[number] = sequence
            self._numbers[sequence] = number
            self.rows += sequence.rows
            if sequence.options is not options:
                options = sequence.options
                packed = self._pack_options(options)
            texts.append(
                (
                    number,
                    sequence.source_ids,
                    packed,
                    sequence.wants_partial,
                    sequence.wants_timing,
                    sequence.deadline,
                    sequence.arrived_at,
                )
            )
        self._send(Admit(self._place, texts))

    def _observe(self, work: Work, now: float) -> None:
        """Learns what steps took, all at once."""
        if work.encode_seconds:
            self._metrics.encoded_all(work.encode_seconds, source_tokens=work.source_tokens)
        if not (count := len(work.rows)):
            return
        self._metrics.decoded_all(work.seconds, work.rows)
        rows, seconds = sum(work.rows), work.whole_seconds / count
        self._costs.line.observe(rows / count, seconds, count)
        self._costs.wide.observe(rows // count, seconds, count)
        light_rows = self._queue.light_rows(self._index)
        self._headroom.observe(min(light_rows * count, rows), rows, now)

    def _end(self, ended: Ended) -> tuple[Sequence, Outcome]:
        number, told, started_at, encoded_at, first_token_at, ended_at = ended
        sequence = self._held.pop(number)
        del self._numbers[sequence]
        self.rows -= sequence.rows
        sequence.started_at, sequence.encoded_at = started_at, encoded_at
        sequence.first_token_at, sequence.ended_at = first_token_at, ended_at
        return sequence, outcome_of(told)
