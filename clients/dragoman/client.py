"""The client for programs without an event loop.

Knows calls. What goes on the wire is in requests.py and results.py, how the client connects in
channel.py, how a stream works in stream.py.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from types import TracebackType
from typing import NamedTuple, Self, Unpack, overload

import grpc

from dragoman.arguments import as_credentials, as_seconds, as_target
from dragoman.channel import open_channel
from dragoman.errors import UsageError
from dragoman.options import Options, TranslateOptions
from dragoman.requests import (
    DEFAULT_CUT,
    Cut,
    Part,
    cut_for,
    cut_texts,
    unary_request,
)
from dragoman.results import Model, StreamResult, Translation, read_models, read_translations
from dragoman.status import error_from_rpc, in_whole_list
from dragoman.streaming import TextStream, Window
from dragoman.streaming.stream import ResponseCall
from dragoman.texts import as_texts, check_iterable
from dragoman.v1 import translation_pb2 as pb
from dragoman.v1.translation_pb2_grpc import TranslationServiceStub

REQUESTS_IN_FLIGHT = 3
"""Of one long list: the server is never idle between two, and a queue of the default size, four
full requests, keeps room for others."""


class _Pending(NamedTuple):
    """A part of a list and the call that translates it."""

    part: Part
    call: "grpc.Future[pb.TranslateTextResponse]"


class Client:
    """Translates texts on a Dragoman server. Threads may share one.

    Close it with `close()` or use it as a context manager.
    """

    def __init__(
        self,
        target: str = "127.0.0.1:50051",
        *,
        credentials: grpc.ChannelCredentials | None = None,
        timeout: float | None = 60.0,
    ) -> None:
        """Makes a client; it connects with the first call.

        Args:
            target: host:port of the server, or any gRPC target; `dns:///host:port` spreads the
                calls over all the addresses of the host.
            credentials: `grpc.ssl_channel_credentials()` for TLS; plain text where None.
            timeout: Seconds that a request may take, retries counted; None waits for ever. A
                stream instead ends when no text was answered for as long.

        Raises:
            InvalidArgumentError: An argument is none that can be.
        """
        self._target = as_target(target)
        self._timeout = as_seconds(timeout, "timeout")
        self._channel = open_channel(self._target, as_credentials(credentials))
        self._closed = False
        self._cuts: dict[str, Cut] = {}  # by name of the model, as asked of the server

    def close(self) -> None:
        """Ends all calls and the connection; the client cannot be used again."""
        self._closed = True
        self._channel.close()

    @property
    def _stub(self) -> TranslationServiceStub:
        if self._closed:
            raise UsageError("the client is closed", reason="CLIENT_CLOSED")
        return TranslationServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @overload
    def translate(  # type: ignore[overload-overlap]  # a str is a Sequence[str]
        self,
        texts: str,
        *,
        timeout: float | None = None,
        **options: Unpack[TranslateOptions],
    ) -> Translation: ...

    @overload
    def translate(
        self,
        texts: Sequence[str],
        *,
        timeout: float | None = None,
        **options: Unpack[TranslateOptions],
    ) -> list[Translation]: ...

    def translate(
        self,
        texts: str | Sequence[str],
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
        translations = self._translate_list(
            as_texts(texts), Options(**options), self._seconds(timeout)
        )
        return translations[0] if isinstance(texts, str) else translations

    def translate_stream(
        self,
        texts: Iterable[str],
        *,
        timeout: float | None = None,
        max_concurrency: int = 64,
        **options: Unpack[TranslateOptions],
    ) -> Generator[StreamResult, None, None]:
        """Translates texts from an iterable of any length, endless too; yields a result for each.

        A text that fails does not end the stream: its result has an `error`, and raises it where
        its `translation` is asked for. Texts that a full server refuses and texts on a broken
        connection are sent again, each still giving one result. The iterable is read in a thread
        of its own, and never further than `max_concurrency` texts ahead of the results taken.

        The options are those of `translate`, but for `timeout`: the seconds without any text
        answered after which the stream is given up; None takes the client's.

        Raises:
            DragomanError: The stream as a whole failed; what was yielded before holds.
        """
        check_iterable(texts, or_async=False)
        window = Window(Options(**options), size=max_concurrency, timeout=self._seconds(timeout))
        _ = self._stub  # a closed client says so at once
        return TextStream(texts, window, self._open_stream, self._target).results()

    def models(self, *, timeout: float | None = None) -> list[Model]:
        """Lists the loaded models, sorted by name, with their language pairs and limits.

        Raises:
            DragomanError: See errors.py for the kinds.
        """
        try:
            response = self._stub.ListModels(pb.ListModelsRequest(), timeout=self._seconds(timeout))
        except grpc.RpcError as error:
            raise error_from_rpc(error, self._target) from None
        return read_models(response)

    def _translate_list(
        self, texts: list[str], options: Options, seconds: float | None
    ) -> list[Translation]:
        """Translates the parts of a list, some of them at a time."""
        translations: list[Translation] = []
        pending: deque[_Pending] = deque()
        try:
            for part in cut_texts(texts, self._cut(texts, options.model, seconds)):
                call = self._stub.TranslateText.future(
                    unary_request(part, options), timeout=seconds
                )
                pending.append(_Pending(part, call))
                if len(pending) == REQUESTS_IN_FLIGHT:
                    translations += self._finish(pending)
            while pending:
                translations += self._finish(pending)
        finally:
            for unfinished in pending:
                unfinished.call.cancel()
        return translations

    def _finish(self, pending: deque[_Pending]) -> list[Translation]:
        """Waits for the first of the pending calls and removes it."""
        part, call = pending[0]
        try:
            response = call.result()
        except grpc.RpcError as error:
            raise in_whole_list(error_from_rpc(error, self._target), part.offset) from None
        pending.popleft()
        return read_translations(response, len(part.texts))

    def _cut(self, texts: list[str], model: str, seconds: float | None) -> Cut:
        if len(texts) <= 1:
            return DEFAULT_CUT
        if model not in self._cuts:
            self._cuts[model] = cut_for(self.models(timeout=seconds), model)
        return self._cuts[model]

    def _open_stream(self, requests: Iterator[pb.StreamTranslateTextRequest]) -> ResponseCall:
        return self._stub.StreamTranslateText(requests)

    def _seconds(self, timeout: float | None) -> float | None:
        return self._timeout if timeout is None else as_seconds(timeout, "timeout")
