"""The texts of a stream that were read and are not yet handed out: what to do with each.

Keeps the order, bounds how much is read, decides what is sent, sent again and given up. Pure: it
knows neither calls nor threads nor the clock (`now` is seconds, from any start), and so serves the
sync and the async stream alike.

    add -> (unsent) -> take -> (sent) -> answer -> pop
               ^                 |
               +-- refused, or the call was lost
"""

import heapq
from collections import deque
from dataclasses import dataclass

from dragoman.arguments import INT64_BITS, as_int, refusal
from dragoman.calls import Attempts, Retries
from dragoman.errors import (
    ConnectError,
    DeadlineExceededError,
    DragomanError,
    InvalidArgumentError,
    QueueFullError,
    ServerError,
    UnavailableError,
)
from dragoman.options import Options
from dragoman.reading import read_translation
from dragoman.requests import stream_request
from dragoman.results import StreamResult, Translation
from dragoman.status import error_from_status
from dragoman.texts import check_text
from dragoman.v1 import translation_pb2 as pb

CALL_SECONDS = 30.0
"""A stream goes on over another call after so long: one call never leaves its replica, and others
may have come since."""

_ENDED_EARLY = UnavailableError("the server ended the stream early", reason="CONNECTION_BROKEN")


@dataclass(slots=True)
class _Text:
    """One text of the window."""

    index: int
    text: str
    outcome: Translation | DragomanError | None = None
    attempts: Attempts | None = None
    """Since the server first had no room for it."""


class Window:
    """The texts between the input and the results; at most `size` of them."""

    def __init__(
        self, options: Options, *, size: int, timeout: float | None, retries: Retries
    ) -> None:
        """Makes an empty window.

        Args:
            options: How the texts are translated.
            size: Most texts that are read and not yet handed out.
            timeout: Seconds without any text answered after which the stream is given up.
            retries: The client's.

        Raises:
            InvalidArgumentError: The size is none that can be.
        """
        self._options = options
        self._size = as_int(size, "max_concurrency", INT64_BITS)
        if self._size < 1:
            raise refusal("max_concurrency", f"must be at least 1, not {size}", "OUT_OF_RANGE")
        self._timeout = timeout
        self._retries = retries
        self._texts: deque[_Text] = deque()  # all that are not handed out, in order
        self._unsent: deque[_Text] = deque()  # to be sent now, in order
        self._refused: list[tuple[float, int, _Text]] = []  # a heap: when to send again
        self._sent: dict[str, _Text] = {}  # on the call that is open, by id
        self._read = 0
        self._input_ended = False
        self._input_error: Exception | None = None
        self._answered = 0  # texts
        self._attempts: Attempts | None = None  # since the first call that was lost after that
        self._reopen_at = 0.0
        self._call_began_at: float | None = None  # when the first text went over the open call
        self._leaving = False  # the server drains: nothing more goes over this call
        self._progress_at: float | None = None  # None while nothing waits for an answer
        self._last_refusal: DragomanError | None = None  # since the last answer
        self._failure: DragomanError | None = None

    # The input.

    @property
    def has_room(self) -> bool:
        """Whether the next text may be read."""
        return len(self._texts) < self._size and not self._input_ended

    def add(self, text: str) -> None:
        """Takes the next text of the input; one that cannot be sent has its outcome at once."""
        entry = _Text(self._read, text)
        try:
            check_text(text, f"texts[{self._read}]")
        except InvalidArgumentError as error:
            entry.outcome = error
        else:
            self._unsent.append(entry)
        self._texts.append(entry)
        self._read += 1

    def end_input(self, error: Exception | None = None) -> None:
        """Notes that no text follows, or that reading the next one failed."""
        self._input_ended = True
        self._input_error = error

    # The call.

    def should_open(self, now: float) -> bool:
        """Whether there is something to send and a new call may be opened for it."""
        self._release_refused(now)
        return bool(self._unsent) and now >= self._reopen_at

    def nothing_to_send(self, now: float) -> bool:
        """Whether the open call will carry no more requests and may be closed from this side."""
        done = self._input_ended and not self._waiting
        return done or self._leaving or self._is_old(now)

    def take(self, now: float) -> pb.StreamTranslateTextRequest | None:
        """Returns the next request to send; None where there is none at this moment."""
        self._release_refused(now)
        if self._leaving or not self._unsent:
            return None
        if self._call_began_at is None:
            self._call_began_at = now
        if self._progress_at is None:
            self._progress_at = now
        entry = self._unsent.popleft()
        request = stream_request(entry.index, entry.text, self._options)
        self._sent[request.id] = entry
        return request

    def answer(self, response: pb.StreamTranslateTextResponse, now: float) -> None:
        """Takes an answer of the server.

        Raises:
            ServerError: It answers a text that was not asked or already answered, or in a way
                that this client does not know. The text stays unanswered.
        """
        kind = response.WhichOneof("result")
        if kind == "partial_text":
            return
        entry = self._sent.get(response.id)
        if entry is None:
            raise ServerError(f"the server answered the id {response.id!r}, which is not waiting")
        outcome = (
            read_translation(response.translation)
            if kind == "translation"
            else error_from_status(response.error)
        )
        del self._sent[response.id]
        if isinstance(outcome, QueueFullError):
            self._refuse(entry, outcome, now)
        elif isinstance(outcome, UnavailableError):
            self._leaving = True
            self._last_refusal = outcome
            self._unsent.appendleft(entry)
        else:
            self._settle(entry, outcome, now)

    def lose_call(self, error: DragomanError | None, now: float) -> None:
        """Notes that the call ended; what it left unanswered is sent again over the next.

        Args:
            error: What ended it; None where the server ended it in good order.
            now: The time.
        """
        unsent = sorted([*self._sent.values(), *self._unsent], key=lambda entry: entry.index)
        self._unsent = deque(unsent)
        moves_on = self._is_old(now) and not self._sent and error is None
        self._sent.clear()
        self._leaving = False
        self._call_began_at = None
        if moves_on or not self._waiting:
            return
        error = error or self._last_refusal or _ENDED_EARLY
        self._last_refusal = error
        if self._progress_at is None:
            self._progress_at = now
        self._attempts = self._attempts or Attempts(self._retries, None, now)
        try:
            self._reopen_at = now + self._attempts.delay(error, now)
        except DragomanError as final:
            self._failure = self._told(final)

    # The results.

    def pop(self) -> StreamResult | None:
        """Hands out the next result in order; None where it is not there yet."""
        if not self._texts or self._texts[0].outcome is None:
            return None
        entry = self._texts.popleft()
        assert entry.outcome is not None
        return StreamResult(entry.index, entry.text, entry.outcome)

    @property
    def is_done(self) -> bool:
        """Whether every text was handed out and none will follow."""
        return self._input_ended and self._input_error is None and not self._texts

    def raise_failure(self, now: float) -> None:
        """Raises what ends the stream, if anything does.

        Raises:
            Exception: Reading the input failed, and all before it is handed out.
            DragomanError: The server cannot be reached, refuses the call, or does not answer.
        """
        if self._input_error is not None and not self._texts:
            raise self._input_error
        if self._failure is not None:
            raise self._failure
        if self._timeout is None or self._progress_at is None:
            return
        if now >= self._progress_at + self._timeout:
            raise (
                self._told(self._last_refusal)
                if self._last_refusal
                else DeadlineExceededError(
                    f"none of {self._waiting} texts was answered within {self._timeout:g} s"
                )
            )

    def seconds_to_event(self, now: float) -> float | None:
        """Returns for how long nothing happens by itself; None for ever."""
        times = [self._reopen_at] if self._reopen_at > now else []
        if self._refused:
            times.append(self._refused[0][0])
        if self._timeout is not None and self._progress_at is not None:
            times.append(self._progress_at + self._timeout)
        return max(0.0, min(times) - now) if times else None

    # Inside.

    @property
    def _waiting(self) -> int:
        """Texts without an outcome."""
        return len(self._unsent) + len(self._refused) + len(self._sent)

    def _is_old(self, now: float) -> bool:
        """Whether the open call has lasted so long that what follows goes over another."""
        return self._call_began_at is not None and now >= self._call_began_at + CALL_SECONDS

    def _settle(self, entry: _Text, outcome: Translation | DragomanError, now: float) -> None:
        entry.outcome = outcome
        self._answered += 1
        self._attempts = None
        self._retries.note_answer()
        self._last_refusal = None
        self._progress_at = now if self._waiting else None

    def _told(self, error: DragomanError) -> DragomanError:
        """Returns what ends the stream: that a server was there before, where one was."""
        if not self._answered or not isinstance(error, ConnectError):
            return error
        return ConnectError(
            f"the server went away after {self._answered:,} texts were answered: {error}",
            reason=error.reason,
        )

    def _refuse(self, entry: _Text, error: QueueFullError, now: float) -> None:
        entry.attempts = entry.attempts or Attempts(self._retries, None, now)
        try:
            when = now + entry.attempts.delay(error, now)
        except DragomanError as final:
            self._settle(entry, final, now)
            return
        self._last_refusal = error
        heapq.heappush(self._refused, (when, entry.index, entry))

    def _release_refused(self, now: float) -> None:
        while self._refused and self._refused[0][0] <= now:
            self._unsent.appendleft(heapq.heappop(self._refused)[2])
