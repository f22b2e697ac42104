"""The TranslationService of translation.proto, on top of `Translator`.

Knows what each call is made of. Does not know how an exception reaches the client: that is
guard.py's.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from dragoman.v1.translation_pb2 import (
    DESCRIPTOR,
    ListModelsRequest,
    ListModelsResponse,
    StreamTranslateTextRequest,
    StreamTranslateTextResponse,
    TranslateTextRequest,
    TranslateTextResponse,
)
from dragoman_server.engine import Deadline, Sender, TimeLimit
from dragoman_server.rpc import Call, Caller, Method
from dragoman_server.service.gate import Gate
from dragoman_server.service.guard import CallGuard
from dragoman_server.service.outcomes import Outcomes
from dragoman_server.service.stream import TextStream
from dragoman_server.service.translator import Translator
from dragoman_server.service.validation import read_priority

SERVICE_NAME = DESCRIPTOR.services_by_name["TranslationService"].full_name


class TranslationService:
    """Answers the calls, each within its time.

    Args:
        default_timeout_seconds: Of a call whose client set no deadline.
        max_timeout_seconds: Of any other.
    """

    def __init__(
        self,
        translator: Translator,
        gate: Gate,
        outcomes: Outcomes,
        *,
        default_timeout_seconds: float,
        max_timeout_seconds: float,
    ) -> None:
        self._translator = translator
        self._gate = gate
        self._outcomes = outcomes
        self._default_timeout_seconds = min(default_timeout_seconds, max_timeout_seconds)
        self._max_timeout_seconds = max_timeout_seconds

    def methods(self) -> dict[str, Method]:
        """Returns the service's methods by their paths."""
        guard = CallGuard(self._gate, self._outcomes)
        methods = {
            "TranslateText": guard.unary(
                TranslateTextRequest, self._translate_texts, self._check_room
            ),
            "StreamTranslateText": guard.stream(StreamTranslateTextRequest, self._translate_stream),
            "ListModels": guard.unary(ListModelsRequest, self._list_models),
        }
        return {f"/{SERVICE_NAME}/{name}": method for name, method in methods.items()}

    def _check_room(self, caller: Caller, request: TranslateTextRequest | None) -> None:
        """Refuses a TranslateText that there is no room or no time for.

        Raises:
            QueueFullError, WouldExpireError: The engine's.
        """
        sender = _sender(caller.peer, request)
        self._translator.check_room(
            self._limit(caller.seconds), sender, caller.calls_before, request
        )

    async def _translate_texts(
        self, request: TranslateTextRequest, call: Call
    ) -> TranslateTextResponse:
        remaining = call.time_remaining()
        limit, sender = self._limit(remaining), _sender(call.peer, request)
        async with asyncio.timeout(self._timeout_seconds(remaining)):
            translations = await self._translator.translate_texts(request, limit, sender)
        return TranslateTextResponse(translations=translations)

    def _translate_stream(
        self, requests: AsyncIterator[StreamTranslateTextRequest], call: Call
    ) -> AsyncGenerator[StreamTranslateTextResponse, None]:
        """Translates texts as they arrive."""
        stream = TextStream(
            self._translator,
            self._gate,
            self._outcomes,
            Deadline(call),
            timeout_seconds=self._timeout_seconds(call.time_remaining()),
            caller=call.peer,
        )
        return stream.answers(requests)

    async def _list_models(
        self,
        request: ListModelsRequest,  # noqa: ARG002  it has no fields
        call: Call,  # noqa: ARG002
    ) -> ListModelsResponse:
        """Lists the one model."""
        return ListModelsResponse(models=[self._translator.model])

    def _limit(self, remaining: float | None) -> TimeLimit:
        seconds = self._timeout_seconds(remaining)
        due = self._outcomes.now() + (remaining or 0.0 if seconds is None else seconds)
        return TimeLimit(due, due)

    def _timeout_seconds(self, remaining: float | None) -> float | None:
        """None where the client's own deadline is all that counts: grpc sees to that."""
        if remaining is None:
            return self._default_timeout_seconds
        return self._max_timeout_seconds if remaining > self._max_timeout_seconds else None


def _sender(caller: str, request: TranslateTextRequest | None) -> Sender:
    """Returns whose a call is; one that nobody has read counts as interactive."""
    if request is None or not request.priority:
        return Sender(caller)
    return Sender(caller, priority=read_priority(request.priority))
