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
from dragoman_server.access import Access
from dragoman_server.engine import Deadline, Sender, TimeLimit
from dragoman_server.rpc import Call, Caller, Method
from dragoman_server.service.callers import (
    admits,
    charge,
    check_model,
    check_rate,
    name_of,
    principal_of,
    visible,
)
from dragoman_server.service.gate import Gate
from dragoman_server.service.guard import CallGuard
from dragoman_server.service.outcomes import Outcomes
from dragoman_server.service.stream import TextStream
from dragoman_server.service.translator import Translator

SERVICE_NAME = DESCRIPTOR.services_by_name["TranslationService"].full_name


class TranslationService:
    """Answers the calls, each within its time.

    Args:
        default_timeout_seconds: Of a call whose client set no deadline.
        max_timeout_seconds: Of any other.
        access: Says who may do what; None where everybody may do everything.
    """

    def __init__(
        self,
        translator: Translator,
        gate: Gate,
        outcomes: Outcomes,
        *,
        default_timeout_seconds: float,
        max_timeout_seconds: float,
        access: Access | None = None,
    ) -> None:
        self._translator = translator
        self._gate = gate
        self._outcomes = outcomes
        self._guard = CallGuard(gate, outcomes, access)
        self._limits = None if access is None else access.limits
        self._default_timeout_seconds = min(default_timeout_seconds, max_timeout_seconds)
        self._max_timeout_seconds = max_timeout_seconds

    def methods(self) -> dict[str, Method]:
        """Returns the service's methods by their paths."""
        guard = self._guard
        translate, stream, models = "TranslateText", "StreamTranslateText", "ListModels"
        methods = {
            translate: guard.unary(
                translate, TranslateTextRequest, self._translate_texts, self._check
            ),
            stream: guard.stream(stream, StreamTranslateTextRequest, self._translate_stream),
            models: guard.unary(models, ListModelsRequest, self._list_models),
        }
        return {f"/{SERVICE_NAME}/{name}": method for name, method in methods.items()}

    def for_the_known(self, methods: dict[str, Method]) -> dict[str, Method]:
        """Returns another service's methods, for those alone who say who they are if they must."""
        return {path: self._guard.known(method) for path, method in methods.items()}

    def _check(self, caller: Caller, request: TranslateTextRequest | None) -> None:
        """Refuses a TranslateText of a model that its caller may not use, or has no room for.

        Raises:
            NotFoundError: The caller has no such model.
            RateLimitedError: The caller has had what it may have for now.
            QueueFullError, WouldExpireError: The engine's.
        """
        principal = principal_of(caller)
        if request is None:
            check_rate(principal, self._limits)
        else:
            check_model(principal, request.model, self._translator.model.name)
        self._translator.check_room(
            self._limit(caller.seconds), name_of(caller), caller.calls_before, request
        )
        if request is not None:
            charge(principal, self._limits, request.contents)

    async def _translate_texts(
        self, request: TranslateTextRequest, call: Call
    ) -> TranslateTextResponse:
        remaining = call.time_remaining()
        limit, sender = self._limit(remaining), Sender(name_of(call))
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
            caller=name_of(call),
            admit=admits(call, self._limits, self._translator.model.name),
        )
        return stream.answers(requests)

    async def _list_models(
        self,
        request: ListModelsRequest,  # noqa: ARG002  it has no fields
        call: Call,
    ) -> ListModelsResponse:
        """Lists the one model."""
        return ListModelsResponse(models=visible(principal_of(call), [self._translator.model]))

    def _limit(self, remaining: float | None) -> TimeLimit:
        seconds = self._timeout_seconds(remaining)
        due = self._outcomes.now() + (remaining or 0.0 if seconds is None else seconds)
        return TimeLimit(due, due)

    def _timeout_seconds(self, remaining: float | None) -> float | None:
        """None where the client's own deadline is all that counts: grpc sees to that."""
        if remaining is None:
            return self._default_timeout_seconds
        return self._max_timeout_seconds if remaining > self._max_timeout_seconds else None
