"""The engines as a front end in another process sees them.

Owns the futures of the texts that it sent away. Knows messages; does not know how they travel.
"""

import asyncio
import functools
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dragoman_server.engine import (
    ANYBODY,
    NO_LIMIT,
    UNREAD,
    Admission,
    Outline,
    Outlook,
    Sender,
    TimeLimit,
    settle,
)
from dragoman_server.errors import UnavailableError
from dragoman_server.processes.messages import Cancel, Partial, Refused, Settled, Submit
from dragoman_server.sequence import Completion, TranslationOptions
from dragoman_server.service import OnPartial

Answer = Settled | Partial | Refused


@dataclass(slots=True)
class _Request:
    """Sent away, and not all of its texts have ended."""

    futures: list[asyncio.Future[Completion]]
    unfinished: int
    on_partial: OnPartial | None


class RemoteEngine:
    """Does what AsyncEngine does for a Translator.

    Args:
        model: Number of the version that its engines translate with.
        send: Takes its messages.
        clock: Seconds, monotonic; the engines'.
    """

    def __init__(
        self,
        model: int,
        send: Callable[[Submit | Cancel], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        self._send = send
        self._numbers = itertools.count()
        self._requests: dict[int, _Request] = {}
        self._closed = False
        self._clock = clock
        self._admission = Admission()
        self._sent_since = 0
        """Texts that were sent since the outlook came."""

    @property
    def is_idle(self) -> bool:
        """Whether every text that was submitted has ended."""
        return not self._requests

    @property
    def is_at_ease(self) -> bool:
        """As AsyncEngine's, by what the engines' process told last."""
        return self._admission.is_at_ease

    def check_room(
        self,
        limit: TimeLimit,
        outline: Outline = UNREAD,
        sender: Sender = ANYBODY,
        texts_ahead: int = 0,
    ) -> None:
        """As AsyncEngine.check_room, by what the engines' process told last."""
        self._admission.check(
            limit,
            self._clock(),
            outline,
            sender=sender,
            texts_ahead=self._sent_since + texts_ahead,
        )

    def submit(
        self,
        source_ids: Sequence[list[int]],
        options: TranslationOptions | Sequence[TranslationOptions],
        on_partial: OnPartial | None = None,
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        *,
        wants_timing: bool = False,
    ) -> list[asyncio.Future[Completion]]:
        """As AsyncEngine.submit, but where there is no room every future says so.

        Raises:
            UnavailableError: the engines are gone.
        """
        if self._closed:
            raise _gone()
        if isinstance(options, TranslationOptions):
            options = [options] * len(source_ids)
        number = next(self._numbers)
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Completion]] = [loop.create_future() for _ in source_ids]
        for index, future in enumerate(futures):
            future.add_done_callback(functools.partial(self._forget, number, index))
        self._requests[number] = _Request(futures, len(futures), on_partial)
        self._sent_since += len(futures)
        partial = on_partial is not None
        self._send(
            Submit(self._model, number, source_ids, options, partial, limit, sender, wants_timing)
        )
        return futures

    def look(self, outlook: Outlook | None) -> None:
        """Knows from now on what a request would find."""
        self._admission.look(outlook)
        self._sent_since = 0

    def receive(self, answer: Answer) -> None:
        """Settles what the engines' process tells of."""
        request = self._requests.get(answer.request)
        if request is None:
            return  # all of it was cancelled
        match answer:
            case Settled():
                settle(request.futures[answer.text], answer.outcome)
            case Partial():
                assert request.on_partial is not None
                request.on_partial(answer.text, answer.token_ids)
            case Refused():
                for future in request.futures:
                    settle(future, answer.error)

    def close(self) -> None:
        """The engines are gone: what is unfinished gets UnavailableError."""
        self._closed = True
        for request in list(self._requests.values()):
            for future in request.futures:
                settle(future, _gone())

    def _forget(self, number: int, index: int, future: asyncio.Future[Completion]) -> None:
        if future.cancelled():
            self._send(Cancel(self._model, number, index))
        request = self._requests[number]
        request.unfinished -= 1
        if not request.unfinished:
            del self._requests[number]


def _gone() -> UnavailableError:
    return UnavailableError("the server stopped before the translation")
