"""What an engine in a process of its own tells the owner of the queue.

Knows sequences and messages. Does not know how messages travel.
"""

import time
from collections.abc import Callable
from collections.abc import Sequence as ListOf

from dragoman_server.engine import Progress
from dragoman_server.hosting.messages import Decoded, Encoded, Ended, Report
from dragoman_server.sequence import Completion, FinishReason, Outcome, Sequence

LONGEST_SILENCE_SECONDS = 0.25
"""Of an engine that steps: what its steps take is told at least so often, and that it lives."""


_CANCELLED = Completion([], FinishReason.CANCELLED, None)


class Reporter:
    """Of one engine, used by its thread.

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
        self._encoded: list[Encoded] = []
        self._decoded: list[Decoded] = []
        self._expired = 0
        self._whole_seconds = 0.0
        self._sent_at = clock()

    def hold(self, number: int, sequence: Sequence) -> None:
        """Is told that the engine was given a sequence. Any thread may call it."""
        self._numbers[sequence] = number
        self._sequences[number] = sequence

    def held(self, number: int) -> Sequence | None:
        """Returns a sequence that has not ended; None of any other. Any thread may call it."""
        return self._sequences.get(number)

    def begun(self, cancelled: ListOf[Sequence]) -> None:
        """Tells that the engine has begun with what it was given last, less what is cancelled."""
        now = self._clock()
        self._tell(ended=[self._ended(each, _CANCELLED, now) for each in cancelled], has_begun=True)

    def stepped(self, seconds: float) -> None:
        """Notes what the step that ends took, with all that came before it."""
        self._whole_seconds = seconds

    def encoded(self, seconds: float, *, source_tokens: int) -> None:
        """See Counts."""
        self._encoded.append(Encoded(seconds, source_tokens))

    def decoded(self, seconds: float, *, rows: int) -> None:
        """See Counts."""
        self._decoded.append(Decoded(rows, seconds, self._whole_seconds))

    def expired(self, texts: int = 1) -> None:
        """See Counts."""
        self._expired += texts

    def finished(self, ended: ListOf[tuple[Sequence, int]], now: float) -> None:
        """The owner counts them, by what `deliver` tells."""

    def deliver(self, progress: Progress) -> None:
        """Tells what became of texts."""
        now = self._clock()
        ended = [self._ended(sequence, outcome, now) for sequence, outcome in progress.finished]
        partial = [(self._numbers[each], tokens) for each, tokens in progress.partial]
        self._tell(ended=ended, partial=partial)

    def breathe(self) -> None:
        """Tells what its steps took, where it was silent for long."""
        if self._decoded and self._clock() - self._sent_at > LONGEST_SILENCE_SECONDS:
            self._tell()

    def rest(self) -> None:
        """Tells what is left to tell, as there is nothing to do."""
        if self._decoded or self._encoded:
            self._tell()

    def _ended(self, sequence: Sequence, outcome: Outcome, now: float) -> Ended:
        number = self._numbers.pop(sequence)
        del self._sequences[number]
        return Ended(
            number,
            outcome,
            sequence.started_at,
            sequence.encoded_at,
            sequence.first_token_at,
            now,
        )

    def _tell(
        self,
        *,
        has_begun: bool = False,
        ended: ListOf[Ended] = (),
        partial: ListOf[tuple[int, list[int]]] = (),
    ) -> None:
        report = Report(
            self._engine,
            has_begun,
            self._encoded,
            self._decoded,
            self._expired,
            list(ended),
            list(partial),
        )
        self._encoded, self._decoded, self._expired = [], [], 0
        self._sent_at = self._clock()
        self._send(report)
