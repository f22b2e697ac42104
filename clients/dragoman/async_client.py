"""The client for programs on asyncio.

Knows calls. What goes on the wire is in requests.py and results.py, how the client connects in
channel.py, how a stream works in async_stream.py.
"""
# ruff: noqa: ASYNC109  a timeout is gRPC's deadline: the server knows it and gives up as well

import asyncio
import time
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Iterable,
    Sequence,
)
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self, Unpack, overload

import grpc

from dragoman.arguments import as_bool, as_credentials, as_seconds
from dragoman.calls import AsyncCall, Attempts, Retries
from dragoman.channel import open_async_channel
from dragoman.credentials import as_api_key, metadata_of
from dragoman.errors import DragomanError, UsageError
from dragoman.options import Options, TranslateOptions
from dragoman.reading import (
    by_language,
    read_detected,
    read_models,
    read_translations,
)
from dragoman.requests import (
    DEFAULT_CUT,
    Cut,
    Part,
    cut_for,
    cut_texts,
    detection_request,
    stream_request,
    unary_request,
)
from dragoman.results import (
    DetectedLanguages,
    Model,
    StreamResult,
    Translation,
)
from dragoman.spans import AsyncWatchedCall, start_span
from dragoman.status import in_whole_list
from dragoman.streaming import AsyncTextStream, Window, async_increments
from dragoman.streaming.async_increments import open_call_of_one
from dragoman.streaming.async_stream import ResponseCall
from dragoman.target import Target, as_address
from dragoman.texts import Texts, as_targets, as_texts, check_iterable, check_text
from dragoman.v1 import translation_pb2 as pb
from dragoman.v1.translation_pb2_grpc import TranslationServiceStub

if TYPE_CHECKING:
    from dragoman.v1.translation_pb2_grpc import TranslationServiceAsyncStub

REQUESTS_IN_FLIGHT = 3
"""Of one long list: the server is never idle between two, and a queue of the default size, four
full requests, keeps room for others."""


class _Pending(NamedTuple):
    """A part of a list and the call that translates it."""

    part: Part
    call: AsyncCall[pb.TranslateTextRequest, pb.TranslateTextResponse]


class AsyncClient:
    """Translates texts on a Dragoman server. Tasks of one event loop may share one.

    Close it with `await close()` or use it as an async context manager.
    """

    def __init__(
        self,
        target: str = "127.0.0.1:50051",
        *,
        credentials: grpc.ChannelCredentials | None = None,
        timeout: float | None = 60.0,
        retry_seconds: float | None = None,
        api_key: str | None = None,
        insecure_api_key: bool = False,
    ) -> None:
        """Makes a client; it connects, and takes its event loop, with the first call.

        Args:
            target: host:port of the server, or any gRPC target; `dns:///host:port` spreads the
                calls over all the addresses of the host.
            credentials: `grpc.ssl_channel_credentials()` for TLS; plain text where None.
            timeout: Seconds that a request may take, retries counted; None waits for ever. A
                stream instead ends when no text was answered for as long.
            retry_seconds: For which a request that no server takes is sent again: where none is
                reached, it starts, drains or has no room. 0 never; None as long as the timeout
                lets, but 5 s where this client has never reached a server. A stream counts from
                the last text answered.
            api_key: Key or token that goes with every call, where the server wants one; None
                takes DRAGOMAN_API_KEY of the environment, an empty one is none.
            insecure_api_key: Whether it may be sent to another machine without TLS.

        Raises:
            InvalidArgumentError: An argument is none that can be, or the key would be sent in the
                clear.
        """
        self._credentials = as_credentials(credentials)
        self._target = Target(as_address(target), tls=self._credentials is not None)
        insecure = as_bool(insecure_api_key, "insecure_api_key")
        self._metadata = metadata_of(as_api_key(api_key, self._target, insecure=insecure))
        self._timeout = as_seconds(timeout, "timeout")
        self._retries = Retries(as_seconds(retry_seconds, "retry_seconds", least=0))
        self._channel: grpc.aio.Channel | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # the channel's
        self._closed = False
        self._cuts: dict[str, Cut] = {}  # by name of the model, as asked of the server

    @property
    def _stub(self) -> "TranslationServiceAsyncStub":
        return TranslationServiceStub(self._usable_channel)

    @property
    def _usable_channel(self) -> grpc.aio.Channel:
        self._check_usable()
        if self._channel is None:
            self._loop = asyncio.get_running_loop()
            self._channel = open_async_channel(self._target.address, self._credentials)
        elif self._loop is not asyncio.get_running_loop():
            raise UsageError(
                "the client belongs to another event loop, that of its first call: make one for "
                "each asyncio.run, inside of it",
                reason="OTHER_EVENT_LOOP",
            )
        return self._channel

    async def close(self) -> None:
        """Ends all calls and the connection; the client cannot be used again."""
        self._closed = True
        # A channel of an event loop that has ended went with it.
        if self._channel is not None and self._loop is asyncio.get_running_loop():
            await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @overload
    async def translate(
        self,
        texts: str,
        *,
        timeout: float | None = None,
        **options: Unpack[TranslateOptions],
    ) -> Translation: ...

    @overload
    async def translate(
        self,
        texts: Texts,
        *,
        timeout: float | None = None,
        **options: Unpack[TranslateOptions],
    ) -> list[Translation]: ...

    async def translate(
        self,
        texts: str | Texts,
        *,
        timeout: float | None = None,
        **options: Unpack[TranslateOptions],
    ) -> Translation | list[Translation]:
        """Translates a text, or a list of any length; all of it or, with an error, nothing.

        A long list goes in several requests, cut to the server's limits. For input that does not
        fit in memory, or where one bad text must not spoil the others, see `translate_stream`.

        Args:
            texts: A text, which gives a Translation, or several, which give a list.
            timeout: Seconds for each request; None takes the client's.
            **options: See TranslateOptions.

        Returns:
            One translation per text, in the order of the texts.

        Raises:
            DragomanError: See errors.py for the kinds.
        """
        translations = await self._translate_list(
            as_texts(texts), Options(**options), self._seconds(timeout)
        )
        return translations[0] if isinstance(texts, str) else translations

    @overload
    async def translate_into(
        self,
        texts: str,
        target_language_codes: Sequence[str],
        *,
        timeout: float | None = None,
        **options: Unpack[TranslateOptions],
    ) -> dict[str, Translation]: ...

    @overload
    async def translate_into(
        self,
        texts: Texts,
        target_language_codes: Sequence[str],
        *,
        timeout: float | None = None,
        **options: Unpack[TranslateOptions],
    ) -> dict[str, list[Translation]]: ...

    async def translate_into(
        self,
        texts: str | Texts,
        target_language_codes: Sequence[str],
        *,
        timeout: float | None = None,
        **options: Unpack[TranslateOptions],
    ) -> dict[str, Translation] | dict[str, list[Translation]]:
        """Translates a text, or a list of any length, into several languages; all or nothing.

        The translations are those of `translate` for each language, and take less work where one
        model has them.

        Args:
            texts: As of `translate`.
            target_language_codes: The languages, at most 64, in place of target_language_code.
            timeout: As of `translate`.
            **options: See TranslateOptions.

        Returns:
            What `translate` returns for each language, by its code.

        Raises:
            DragomanError: See errors.py for the kinds.
        """
        codes = as_targets(target_language_codes)
        translations = await self._translate_list(
            as_texts(texts), Options(**options), self._seconds(timeout), codes
        )
        each = by_language(translations, codes)
        return {code: one for code, (one,) in each.items()} if isinstance(texts, str) else each

    def translate_stream(
        self,
        texts: Iterable[str] | AsyncIterable[str],
        *,
        timeout: float | None = None,
        max_concurrency: int = 64,
        **options: Unpack[TranslateOptions],
    ) -> AsyncGenerator[StreamResult, None]:
        """Translates texts from an iterable of any length, endless too; yields a result for each.

        A text that fails does not end the stream: its result has an `error`, and raises it where
        its `translation` is asked for. Texts that a full server refuses and texts on a broken
        connection are sent again, each still giving one result. The iterable is read in a task
        of its own, and never further than `max_concurrency` texts ahead of the results taken.

        The options are those of `translate`, but for `timeout`: the seconds without any text
        answered after which the stream is given up; None takes the client's.

        Raises:
            DragomanError: The stream as a whole failed; what was yielded before holds.
        """
        check_iterable(texts, or_async=True)
        window = Window(
            Options(**options),
            size=max_concurrency,
            timeout=self._seconds(timeout),
            retries=self._retries,
        )
        self._check_usable()
        return AsyncTextStream(texts, window, self._open_stream, self._target).results()

    def translate_incrementally(
        self,
        text: str,
        *,
        timeout: float | None = None,
        **options: Unpack[TranslateOptions],
    ) -> AsyncGenerator[str | Translation, None]:
        """Translates one text and yields the translation while it is being decoded.

        Each `str` is the beginning of the translation, as far as it is decoded, in place of the
        one before: with beams it may change, and after a broken call it begins anew. The last is
        the Translation. Close the generator to give the text up before.

        The options are those of `translate`.

        Raises:
            DragomanError: See errors.py for the kinds.
        """
        check_text(text, "text")
        request = stream_request(0, text, Options(**options), partial_results=True)
        attempts = self._attempts(self._seconds(timeout))
        self._check_usable()
        return async_increments(
            lambda seconds: self._open_call_of_one(request, seconds), attempts, self._target
        )

    @overload
    async def detect(
        self, texts: str, *, spans: bool = False, timeout: float | None = None
    ) -> DetectedLanguages: ...

    @overload
    async def detect(
        self, texts: Texts, *, spans: bool = False, timeout: float | None = None
    ) -> list[DetectedLanguages]: ...

    async def detect(
        self, texts: str | Texts, *, spans: bool = False, timeout: float | None = None
    ) -> DetectedLanguages | list[DetectedLanguages]:
        """Says in which language a text is, or each text of a list of any length.

        Args:
            texts: A text, or several, which give a list.
            spans: Whether `DetectedLanguages.spans` say in which language each part of it is.
            timeout: Seconds for each request; None takes the client's.

        Raises:
            DragomanError: See errors.py for the kinds; the server's detect_languages may be off.
        """
        whole, seconds = as_texts(texts), self._seconds(timeout)
        as_bool(spans, "spans")
        detected: list[DetectedLanguages] = []
        for part in cut_texts(whole, await self._cut(whole, "", seconds)):
            detected += await self._detect(part, seconds, spans=spans)
        return detected[0] if isinstance(texts, str) else detected

    async def models(self, *, timeout: float | None = None) -> list[Model]:
        """Lists the loaded models, sorted by name, with their language pairs and limits.

        Raises:
            DragomanError: See errors.py for the kinds.
        """
        request = pb.ListModelsRequest()
        span = start_span("ListModels")
        call = AsyncCall(
            lambda seconds: self._stub.ListModels(
                request, timeout=seconds, metadata=self._metadata + span.metadata
            ),
            self._attempts(self._seconds(timeout)),
            self._target,
            span,
        )
        return read_models(await call.result())

    async def _translate_list(
        self,
        texts: list[str],
        options: Options,
        seconds: float | None,
        targets: tuple[str, ...] = (),
    ) -> list[Translation]:
        """Translates the parts of a list, some of them at a time; text by text into all targets."""
        translations: list[Translation] = []
        pending: deque[_Pending] = deque()
        try:
            cut = await self._cut(texts, options.model, seconds)
            for part in cut_texts(texts, cut, targets):
                pending.append(_Pending(part, self._send(part, options, seconds)))
                if len(pending) == REQUESTS_IN_FLIGHT:
                    translations += await self._finish(pending)
            while pending:
                translations += await self._finish(pending)
        finally:
            for unfinished in pending:
                unfinished.call.cancel()
        return translations

    async def _finish(self, pending: deque[_Pending]) -> list[Translation]:
        """Waits for the first of the pending calls and removes it."""
        part, call = pending[0]
        try:
            response = await call.result()
        except DragomanError as error:
            raise in_whole_list(error, part.offset) from None
        pending.popleft()
        return read_translations(response, part.translations)

    def _send(
        self, part: Part, options: Options, seconds: float | None
    ) -> AsyncCall[pb.TranslateTextRequest, pb.TranslateTextResponse]:
        request = unary_request(part, options)
        span = start_span("TranslateText", len(part.texts))
        return AsyncCall(
            lambda left: self._stub.TranslateText(
                request, timeout=left, metadata=self._metadata + span.metadata
            ),
            self._attempts(seconds),
            self._target,
            span,
        )

    async def _detect(
        self, part: Part, seconds: float | None, *, spans: bool
    ) -> list[DetectedLanguages]:
        request = detection_request(part, spans=spans)
        span = start_span("DetectLanguage", len(part.texts))
        call = AsyncCall(
            lambda left: self._stub.DetectLanguage(
                request, timeout=left, metadata=self._metadata + span.metadata
            ),
            self._attempts(seconds),
            self._target,
            span,
        )
        try:
            return read_detected(await call.result(), len(part.texts))
        except DragomanError as error:
            raise in_whole_list(error, part.offset) from None

    def _attempts(self, seconds: float | None) -> Attempts:
        return Attempts(self._retries, seconds, time.monotonic())

    async def _cut(self, texts: list[str], model: str, seconds: float | None) -> Cut:
        if len(texts) <= 1:
            return DEFAULT_CUT
        if model not in self._cuts:
            self._cuts[model] = cut_for(await self.models(timeout=seconds), model)
        return self._cuts[model]

    def _check_usable(self) -> None:
        if self._closed:
            raise UsageError("the client is closed", reason="CLIENT_CLOSED")

    def _open_stream(self, requests: AsyncIterator[pb.StreamTranslateTextRequest]) -> ResponseCall:
        span = start_span("StreamTranslateText")
        call = self._stub.StreamTranslateText(requests, metadata=self._metadata + span.metadata)
        return AsyncWatchedCall(call, span) if span.is_kept else call

    def _open_call_of_one(
        self, request: pb.StreamTranslateTextRequest, seconds: float | None
    ) -> ResponseCall:
        span = start_span("StreamTranslateText")
        metadata = self._metadata + span.metadata
        call = open_call_of_one(self._usable_channel, request, seconds, metadata)
        return AsyncWatchedCall(call, span) if span.is_kept else call

    def _seconds(self, timeout: float | None) -> float | None:
        return self._timeout if timeout is None else as_seconds(timeout, "timeout")
