"""What an engine in a process of its own tells the owner of the queue.

Knows sequences and messages. Does not know how messages travel.
"""

import time
from collections.abc import Callable
from collections.abc import Sequence as ListOf

from dragoman_server.engine import Progress
from dragoman_server.hosting.messages import Ended, Report, Work, plainly
from dragoman_server.sequence import Completion, FinishReason, Outcome, Sequence

LONGEST_SILENCE_SECONDS = 0.25
"""Of an engine that steps: what its steps take is told at least so often, and that it lives."""

STEPS_TOLD = 16
"""Steps of which it is told together what they took."""


_CANCELLED = Completion([], FinishReason.CANCELLED, None)


class Reporter:
    """Of one engine, used by its thread: what a step ends and the next begins is told together.

    Args:
        engine: Index of the engine in its process.
        send: Sends a report.
        clock: Seconds, monotonic; the engine's.
    """

    def __init__(
        self,
        engine: int,
        send: Callable[[Report], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._send = send
        self._clock = clock
        self._numbers: dict[Sequence, int] = {}
        self._sequences: dict[int, Sequence] = {}
        """That were given to the engine and have not ended."""
        self._has_begun = False
        self._ended: list[Ended] = []
        self._partial: list[tuple[int, list[int]]] = []
        self._expired = 0
        self._work = Work()
        self._sent_at = clock()

    def hold(self, number: int, sequence: Sequence) -> None:
        """Is told that the engine was given a sequence. Any thread may call it."""
        self._numbers[sequence] = number
        self._sequences[number] = sequence

    def held(self, number: int) -> Sequence | None:
        """Returns a sequence that has not ended; None of any other. Any thread may call it."""
        return self._sequences.get(number)

    def begun(self, cancelled: ListOf[Sequence]) -> None:
        """Notes that the engine begins with what it was given last, less what is cancelled."""
        self._has_begun = True
        self._end([(each, _CANCELLED) for each in cancelled])

    def stepped(self, seconds: float) -> None:
        """Notes what the step that ends took, with all that came before it."""
        self._work.whole_seconds += seconds

    def encoded(self, seconds: float, *, source_tokens: int) -> None:
        """See Counts."""
        self._work.encode_seconds.append(seconds)
        self._work.source_tokens += source_tokens

    def decoded(self, seconds: float, *, rows: int) -> None:
        """See Counts."""
        self._work.rows.append(rows)
        self._work.seconds.append(seconds)

    def expired(self, texts: int = 1) -> None:
        """See Counts."""
        self._expired += texts

    def finished(self, ended: ListOf[tuple[Sequence, int]]) -> None:
        """The owner counts them, by what `deliver` notes."""

    def deliver(self, progress: Progress) -> None:
        """Notes what became of texts."""
        self._end(progress.finished)
        self._partial += [(self._numbers[each], tokens) for each, tokens in progress.partial]

    def tell(self) -> None:
        """Tells what became of texts, if there is anything. Called between two steps."""
        if self._ended or self._has_begun or self._partial:
            self._tell(with_work=len(self._work.rows) >= STEPS_TOLD)
        elif self._work.rows and self._clock() - self._sent_at > LONGEST_SILENCE_SECONDS:
            self._tell(with_work=True)

    def rest(self) -> None:
        """Tells all that is left to tell, as there is nothing to do."""
        if self._ended or self._has_begun or self._work.rows or self._work.encode_seconds:
            self._tell(with_work=True)

    def _end(self, finished: ListOf[tuple[Sequence, Outcome]]) -> None:
        now = self._clock()
        for sequence, outcome in finished:
            number = self._numbers.pop(sequence)
            del self._sequences[number]
            self._ended.append(
                (
                    number,
                    plainly(outcome),
                    sequence.started_at,
                    sequence.encoded_at,
                    sequence.first_token_at,
                    now,
                )
            )

    def _tell(self, *, with_work: bool) -> None:
        report = Report(
            self._engine,
            self._has_begun,
            self._ended,
            self._partial,
            self._expired,
            self._work if with_work else None,
        )
        self._has_begun, self._expired = False, 0
        self._ended, self._partial = [], []
        if with_work:
            self._work = Work()
        self._sent_at = self._clock()
        self._send(report)
