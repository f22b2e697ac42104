"""The TranslationService of translation.proto, on top of `Translator`.

Knows what each call is made of. Does not know how an exception reaches the client: that is
guard.py's.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from grpc import aio

from dragoman.v1.translation_pb2 import (
    ListModelsRequest,
    ListModelsResponse,
    StreamTranslateTextRequest,
    StreamTranslateTextResponse,
    TranslateTextRequest,
    TranslateTextResponse,
)
from dragoman.v1.translation_pb2_grpc import TranslationServiceServicer
from dragoman_server.engine import Deadline, RemainingTime, TimeLimit
from dragoman_server.service.gate import Gate
from dragoman_server.service.outcomes import Outcomes
from dragoman_server.service.stream import TextStream
from dragoman_server.service.translator import Translator


class TranslationService(TranslationServiceServicer):
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

    def check_room(self, context: RemainingTime) -> None:
        """Refuses a TranslateText that would be refused whatever it says.

        Raises:
            QueueFullError, WouldExpireError: The engine's.
        """
        self._translator.check_room(self._limit(context))

    async def TranslateText(  # noqa: N802  the proto's name
        self,
        request: TranslateTextRequest,
        context: aio.ServicerContext[TranslateTextRequest, TranslateTextResponse],
    ) -> TranslateTextResponse:
        """Translates the texts of one request."""
        seconds, limit = self._timeout_seconds(context), self._limit(context)
        if seconds is None:
            translations = await self._translator.translate_texts(request, limit)
        else:
            async with asyncio.timeout(seconds):
                translations = await self._translator.translate_texts(request, limit)
        return TranslateTextResponse(translations=translations)

    def StreamTranslateText(  # noqa: N802
        self,
        request_iterator: AsyncIterator[StreamTranslateTextRequest],
        context: aio.ServicerContext[StreamTranslateTextRequest, StreamTranslateTextResponse],
    ) -> AsyncGenerator[StreamTranslateTextResponse, None]:
        """Translates texts as they arrive."""
        stream = TextStream(
            self._translator,
            self._gate,
            self._outcomes,
            Deadline(context),
            self._timeout_seconds(context),
        )
        return stream.answers(request_iterator)

    async def ListModels(  # noqa: N802
        self,
        request: ListModelsRequest,  # noqa: ARG002  it has no fields
        context: aio.ServicerContext[ListModelsRequest, ListModelsResponse],  # noqa: ARG002
    ) -> ListModelsResponse:
        """Lists the one model."""
        return ListModelsResponse(models=[self._translator.model])

    def _limit(self, context: RemainingTime) -> TimeLimit:
        seconds = self._timeout_seconds(context)
        if seconds is None:
            seconds = context.time_remaining() or 0.0
        due = self._outcomes.now() + seconds
        return TimeLimit(due, due)

    def _timeout_seconds(self, context: RemainingTime) -> float | None:
        """None where the client's own deadline is all that counts: grpc sees to that."""
        remaining = context.time_remaining()
        if remaining is None:
            return self._default_timeout_seconds
        return self._max_timeout_seconds if remaining > self._max_timeout_seconds else None
