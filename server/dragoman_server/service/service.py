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
from dragoman_server.engine import NO_LIMIT, Deadline, RemainingTime, TimeLimit
from dragoman_server.service.gate import Gate
from dragoman_server.service.outcomes import Outcomes
from dragoman_server.service.stream import TextStream
from dragoman_server.service.translator import Translator


class TranslationService(TranslationServiceServicer):
    """Answers the calls; `default_timeout_seconds` is for those whose client set no deadline."""

    def __init__(
        self,
        translator: Translator,
        gate: Gate,
        outcomes: Outcomes,
        *,
        default_timeout_seconds: float | None,
    ) -> None:
        self._translator = translator
        self._gate = gate
        self._outcomes = outcomes
        self._default_timeout_seconds = default_timeout_seconds

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
        seconds = context.time_remaining()
        if seconds is None:
            seconds = self._default_timeout_seconds
        if seconds is None:
            return NO_LIMIT
        due = self._outcomes.now() + seconds
        return TimeLimit(due, due)

    def _timeout_seconds(self, context: RemainingTime) -> float | None:
        return self._default_timeout_seconds if context.time_remaining() is None else None
