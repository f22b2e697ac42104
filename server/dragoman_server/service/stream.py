"""One stream of texts: reads them, answers each as soon as it is finished, in any order.

Owns the texts that the stream has not answered; there are never more than max_stream_texts, nor
more than one partial text for each, so a client that reads slowly costs no memory. Does not know
grpc: requests come from an async iterator, answers go out through another.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Protocol

from dragoman.v1.translation_pb2 import (
    StreamTranslateTextRequest,
    StreamTranslateTextResponse,
    Translation,
)
from dragoman_server.engine import Sender, TimeLimit
from dragoman_server.errors import DragomanError, InvalidArgumentError, shorten
from dragoman_server.service.account import Account
from dragoman_server.service.callers import StreamCaller, allowed_models
from dragoman_server.service.gate import Gate
from dragoman_server.service.outcomes import Outcomes
from dragoman_server.service.progress import Beginning
from dragoman_server.service.routes import Routes
from dragoman_server.service.status import status_of, told
from dragoman_server.service.validation import read_priority

MAX_ID_LENGTH = 128
"""Code points of a text's id."""


class Expiry(Protocol):
    """What is needed of a Deadline."""

    @property
    def at(self) -> float:
        """When it is, in seconds of the clock of Outcomes; inf where the stream has none."""

    def expired(self) -> bool:
        """Whether the stream's deadline has passed."""


class TextStream:
    """Answers the texts of one stream.

    Args:
        routes: Finds what translates each text.
        gate: Once closed, further texts are refused and the stream ends when it has answered all.
        outcomes: Told how each text ended.
        deadline: The stream's.
        max_texts: Most texts that it has unanswered.
        timeout_seconds: Time that each text has; None for no limit.
        caller: Who sends its texts.
        new_account: Makes the account of each text.
    """

    def __init__(
        self,
        routes: Routes,
        gate: Gate,
        outcomes: Outcomes,
        deadline: Expiry,
        *,
        max_texts: int,
        timeout_seconds: float | None,
        caller: StreamCaller,
        new_account: Callable[[], Account] = Account,
    ) -> None:
        self._routes = routes
        self._gate = gate
        self._outcomes = outcomes
        self._deadline = deadline
        self._timeout_seconds = timeout_seconds
        self._caller = caller
        self._new_account = new_account
        self._free = asyncio.Semaphore(max_texts)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._answers: deque[StreamTranslateTextResponse] = deque()
        self._partial: dict[str, Callable[[], Beginning]] = {}
        """Decodes what there is of a text."""
        self._partial_texts: dict[str, str] = {}
        self._changed = asyncio.Event()

    async def answers(
        self, requests: AsyncIterator[StreamTranslateTextRequest]
    ) -> AsyncGenerator[StreamTranslateTextResponse, None]:
        """Yields the answers until every text of `requests` has one; closing it frees all texts.

        Raises:
            UnavailableError: The server drains; every text that was accepted has its answer.
            Exception: What reading `requests` raised, after the last answer.
        """
        reader = self._watched(self._read(requests))
        drain = self._watched(self._gate.wait_closed())
        try:
            while True:
                self._changed.clear()
                while (answer := self._next()) is not None:
                    yield answer
                    if answer.WhichOneof("result") != "partial_text":
                        self._free.release()
                if not self._tasks and not self._answers and (reader.done() or drain.done()):
                    break
                await self._changed.wait()
            if reader.done():
                reader.result()
            else:
                self._gate.check_open()
        finally:
            await _end(reader, drain, *self._tasks.values())

    async def _read(self, requests: AsyncIterator[StreamTranslateTextRequest]) -> None:
        await self._free.acquire()
        async for request in requests:
            self._accept(request)
            await self._free.acquire()

    def _accept(self, request: StreamTranslateTextRequest) -> None:
        _check_id_length(request.id)
        try:
            self._gate.check_open()
            self._check_id(request.id)
            priority = read_priority(request.priority)
        except DragomanError as error:
            self._fail(request.id, error, self._new_account())
        else:
            sender = self._caller.sender._replace(texts_before=len(self._tasks), priority=priority)
            translating = self._translate(request, sender)
            self._tasks[request.id] = asyncio.create_task(translating)

    def _check_id(self, text_id: str) -> None:
        if text_id in self._tasks:
            raise InvalidArgumentError(
                f"id is {shorten(text_id)}, which the stream still waits for; allowed is another",
                field="id",
                reason="DUPLICATE_ID",
                given=shorten(text_id),
                allowed="an id that the stream does not wait for",
            )

    async def _translate(self, request: StreamTranslateTextRequest, sender: Sender) -> None:
        arrived_at, account = self._outcomes.now(), self._new_account()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                limit = self._limit(arrived_at)
                translation = await self._translated(request, limit, sender, account)
        except asyncio.CancelledError:
            self._outcomes.cancelled(account, expired=self._deadline.expired())
            raise
        except Exception as error:  # noqa: BLE001  the table of exceptions is status.py's
            self._fail(request.id, error, account)
        else:
            self._outcomes.succeeded(account, arrived_at)
            self._answer(StreamTranslateTextResponse(id=request.id, translation=translation))
        finally:
            del self._tasks[request.id]
            self._partial.pop(request.id, None)
            self._partial_texts.pop(request.id, None)

    def _limit(self, arrived_at: float) -> TimeLimit:
        """Of a text: no stream's deadline says when one of its texts is due."""
        timeout = math.inf if self._timeout_seconds is None else self._timeout_seconds
        due = arrived_at + timeout
        return TimeLimit(deadline=min(self._deadline.at, due), due=due)

    async def _translated(
        self,
        request: StreamTranslateTextRequest,
        limit: TimeLimit,
        sender: Sender,
        account: Account,
    ) -> Translation:
        if account.usage is not None:
            account.usage.ask([request.content], sender.priority)
        principal = self._caller.admitted()
        route = self._routes.find(request, allowed_models(principal))
        account.model = route.name
        account.model_version = route.version
        route.check_room(limit, sender)
        self._caller.charge(principal, request.content)

        def keep(beginning: Callable[[], Beginning]) -> None:
            if request.id in self._tasks:
                self._partial[request.id] = beginning
                self._changed.set()

        on_progress = keep if request.partial_results else None
        return await route.translate_text(request, on_progress, limit, sender, account.usage)

    def _fail(self, text_id: str, error: Exception, account: Account) -> None:
        error = told(error)
        status = status_of(error, self._outcomes.failed(error, account))
        self._answer(StreamTranslateTextResponse(id=text_id, error=status))

    def _answer(self, answer: StreamTranslateTextResponse) -> None:
        self._answers.append(answer)
        self._changed.set()

    def _next(self) -> StreamTranslateTextResponse | None:
        """Returns what to send now: a finished text's answer, else a partial text that is news."""
        if self._answers:
            return self._answers.popleft()
        while self._partial:
            text_id = next(iter(self._partial))
            text, settled = self._partial.pop(text_id)()
            if text != self._partial_texts.get(text_id, ""):
                self._partial_texts[text_id] = text
                return StreamTranslateTextResponse(
                    id=text_id, partial_text=text, settled_length=settled
                )
        return None

    def _watched(self, coroutine: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Starts a task whose end wakes `answers`."""
        task = asyncio.create_task(coroutine)
        task.add_done_callback(lambda _: self._changed.set())
        return task


def _check_id_length(text_id: str) -> None:
    """Raises InvalidArgumentError where an id is long: it would be kept and repeated."""
    if len(text_id) > MAX_ID_LENGTH:
        raise InvalidArgumentError(
            f"id has {len(text_id)} code points; allowed: at most {MAX_ID_LENGTH}",
            field="id",
            reason="ID_TOO_LONG",
            given=f"{len(text_id)} code points",
            allowed=f"at most {MAX_ID_LENGTH}",
        )


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancels the tasks and waits until they have cleaned up."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
