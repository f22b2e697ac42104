"""The peer's TranslationService: text in, batches of tokens through a Batcher, text out.

Knows the wire and the tokenizer. Does not know who translates, nor when batches begin.
"""

import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any, NoReturn, TypeAlias

import grpc
from grpc import aio
from grpc_status import rpc_status

from dragoman.v1 import translation_pb2 as pb
from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2_grpc import TranslationServiceServicer
from dragoman_server.engine.room import RETRY_AFTER_SECONDS
from dragoman_server.errors import DragomanError, NotFoundError, QueueFullError
from dragoman_server.models.languages import Languages
from dragoman_server.service import TextCodec
from dragoman_server.service.status import status_of
from dragoman_server.service.validation import check_contents, check_source_length
from tests.bench.peer_batcher import Batcher
from tests.bench.peer_search import Search, Text, read_options

_log = logging.getLogger(__name__)

Context: TypeAlias = aio.ServicerContext[Any, Any]
TextBatcher: TypeAlias = Batcher[Text, Search, list[int]]


class PeerService(TranslationServiceServicer):
    """Answers the unary calls."""

    def __init__(
        self,
        manifest: Manifest,
        model: pb.Model,
        tokenizer: TextCodec,
        batcher: TextBatcher,
        *,
        max_queue_size: int,
    ) -> None:
        self._manifest = manifest
        self._languages = Languages(manifest)
        self._model = model
        self._nothing = [manifest.special_tokens.end_id]
        self._tokenizer = tokenizer
        self._batcher = batcher
        self._max_queue_size = max_queue_size

    async def TranslateText(  # noqa: N802  the proto's name
        self, request: pb.TranslateTextRequest, context: Context
    ) -> pb.TranslateTextResponse:
        """Translates the texts of one request."""
        try:
            return pb.TranslateTextResponse(translations=await self._translate(request))
        except Exception as error:  # noqa: BLE001  status.py has a status for each
            await _abort(context, error)

    async def ListModels(  # noqa: N802
        self,
        request: pb.ListModelsRequest,  # noqa: ARG002  it has no fields
        context: Context,  # noqa: ARG002
    ) -> pb.ListModelsResponse:
        """Lists the one model."""
        return pb.ListModelsResponse(models=[self._model])

    async def DetectLanguage(  # noqa: N802
        self,
        request: pb.DetectLanguageRequest,  # noqa: ARG002
        context: Context,
    ) -> pb.DetectLanguageResponse:
        """Refuses."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "this server detects no languages")

    async def StreamTranslateText(  # type: ignore[override]  # noqa: N802  it ends without an answer
        self,
        request_iterator: AsyncIterator[pb.StreamTranslateTextRequest],  # noqa: ARG002
        context: Context,
    ) -> None:
        """Refuses."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "this server has no streams")

    async def _translate(self, request: pb.TranslateTextRequest) -> list[pb.Translation]:
        """Translates all the texts, 1:1 and in order, or none."""
        limits = self._model.limits
        if request.model not in ("", self._model.name):
            raise NotFoundError(f"there is {self._model.name}", reason="MODEL_NOT_FOUND")
        _, target = self._languages.find(request.source_language_code, request.target_language_code)
        search, longest = read_options(request.options, self._manifest, limits)
        check_contents(request.contents, limits)
        sources = [self._encode(text, target.source_prefix_ids) for text in request.contents]
        for index, source in enumerate(sources):
            check_source_length(len(source), f"contents[{index}]", limits)
        # Longest first, as CTranslate2 itself sorts what it is given at once.
        order = sorted(
            (index for index, source in enumerate(sources) if source),
            key=lambda index: len(sources[index]),
            reverse=True,
        )
        self._check_room(len(order))
        texts = [Text(sources[index], longest) for index in order]
        targets = dict(zip(order, await self._batcher.run(texts, search), strict=True))
        return [
            self._translation(source, targets[index], longest) if source else self._empty()
            for index, source in enumerate(sources)
        ]

    def _encode(self, text: str, prefix: Sequence[int]) -> list[int]:
        """Returns the source tokens of a text; none where there is nothing to translate."""
        if not text or text.isspace():
            return []
        token_ids = self._tokenizer.encode(text)
        return [] if token_ids == self._nothing else [*prefix, *token_ids]

    def _check_room(self, count: int) -> None:
        waiting = self._batcher.waiting
        if waiting + count > self._max_queue_size:
            raise QueueFullError(
                f"the queue has no room for {count} more texts: "
                f"{waiting} of at most {self._max_queue_size} are waiting",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )

    def _translation(self, source: list[int], target: list[int], longest: int) -> pb.Translation:
        is_cut = len(target) >= longest
        return pb.Translation(
            translated_text=self._tokenizer.decode(target),
            finish_reason=pb.FINISH_REASON_LENGTH if is_cut else pb.FINISH_REASON_STOP,
            source_token_count=len(source),
            target_token_count=len(target),
            model=self._model.name,
        )

    def _empty(self) -> pb.Translation:
        return pb.Translation(finish_reason=pb.FINISH_REASON_STOP, model=self._model.name)


async def _abort(context: Context, error: Exception) -> NoReturn:
    error_id = secrets.token_hex(8)
    if not isinstance(error, DragomanError):
        _log.error("request_failed %s", error_id, exc_info=error)
    status = rpc_status.to_status(status_of(error, error_id))
    await context.abort(status.code, status.details, status.trailing_metadata)
