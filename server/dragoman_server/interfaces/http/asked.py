"""What one request of HTTP asks of the server's own methods.

Knows their messages, and what of a request shows who makes it and how long it has. Does not know
in which interface's words it is made.
"""

import math
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from typing import NamedTuple, TypeVar

from google.protobuf.message import Message
from starlette.datastructures import Headers

from dragoman.v1.translation_pb2 import (
    DetectLanguageRequest,
    DetectLanguageResponse,
    ListModelsRequest,
    ListModelsResponse,
    Model,
    StreamTranslateTextRequest,
    StreamTranslateTextResponse,
    TranslateTextRequest,
    TranslateTextResponse,
)
from dragoman_server.errors import shorten
from dragoman_server.interfaces.http.bodies import Fields
from dragoman_server.interfaces.http.refusals import refuse
from dragoman_server.rpc import LocalCalls, Origin
from dragoman_server.service import SERVICE_NAME

TIMEOUT_HEADER = "x-request-timeout"
"""Seconds that a request has, as HTTP itself has no such thing."""

AUTHORIZATION = "authorization"

MOST_SECONDS = 604_800.0

Answer = TypeVar("Answer", bound=Message)


class Shown(NamedTuple):
    """What a request shows of who makes it; see rpc.Presented."""

    shown: Sequence[tuple[str, str | bytes]]
    names: Sequence[str] = ()
    """Of the certificate that its connection was made with."""

    def headers(self) -> Iterable[tuple[str, str | bytes]]:
        """See Presented."""
        return self.shown

    def certificate_names(self) -> Sequence[str]:
        """See Presented."""
        return self.names


def as_sent(headers: Headers) -> list[tuple[str, str | bytes]]:
    """Returns the headers: `Authorization: Bearer KEY` and `X-API-Key: KEY` are our own."""
    return list(headers.items())


def with_key(headers: Headers, key: str) -> list[tuple[str, str | bytes]]:
    """Returns the headers with a key that stands elsewhere; none is none."""
    shown = as_sent(headers)
    if key:
        shown.append((AUTHORIZATION, f"Bearer {key}"))
    return shown


def with_scheme(headers: Headers, scheme: str) -> list[tuple[str, str | bytes]]:
    """Returns the headers where `Authorization: SCHEME KEY` is as good as a bearer's."""
    given, _, key = headers.get(AUTHORIZATION, "").partition(" ")
    if given.lower() != scheme.lower():
        return as_sent(headers)
    others: list[tuple[str, str | bytes]] = []
    others += [(name, value) for name, value in headers.items() if name != AUTHORIZATION]
    return [*others, (AUTHORIZATION, f"Bearer {key}")]


class Asked:
    """One request.

    Args:
        local: Makes the calls.
        origin: Of each of them.
        headers: The request's.
        fields: What it brings, until a call is made: what nobody has read may be large, and a
            call take long.

    Attributes:
        origin: Of its calls.
    """

    def __init__(self, local: LocalCalls, origin: Origin, headers: Headers, fields: Fields) -> None:
        self.headers = headers
        self.fields = fields
        self._local = local
        self.origin = origin

    async def translate(self, request: TranslateTextRequest) -> TranslateTextResponse:
        """Returns translations; raises RpcError."""
        return await self._call("TranslateText", request, TranslateTextResponse)

    async def detect(self, request: DetectLanguageRequest) -> DetectLanguageResponse:
        """Returns languages; raises RpcError."""
        return await self._call("DetectLanguage", request, DetectLanguageResponse)

    async def models(self) -> Sequence[Model]:
        """Returns the models that answer to their names alone, as RpcError where it may not."""
        answer = await self._call("ListModels", ListModelsRequest(), ListModelsResponse)
        return [model for model in answer.models if model.is_default]

    async def translate_incrementally(
        self, request: StreamTranslateTextRequest
    ) -> AsyncGenerator[StreamTranslateTextResponse, None]:
        """Yields what becomes of one text; raises RpcError."""
        self.fields.clear()

        async def requests() -> AsyncIterator[bytes]:
            yield request.SerializeToString()

        answers = self._local.stream(path_of("StreamTranslateText"), requests(), self.origin)
        try:
            async for answer in answers:
                yield StreamTranslateTextResponse.FromString(answer)
        finally:
            await answers.aclose()

    async def _call(self, name: str, request: Message, answer: type[Answer]) -> Answer:
        self.fields.clear()
        message = request.SerializeToString()
        return answer.FromString(await self._local.unary(path_of(name), message, self.origin))


def seconds_of(headers: Headers) -> float | None:
    """Returns how long a request has; None where it does not say.

    Raises:
        RefusedError: It says what is no time.
    """
    given = headers.get(TIMEOUT_HEADER)
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= MOST_SECONDS:
        refuse(TIMEOUT_HEADER, shorten(given), f"seconds, above 0 to {MOST_SECONDS:,.0f}")
    return seconds


def path_of(name: str) -> str:
    """Returns the path of a method of the server."""
    return f"/{SERVICE_NAME}/{name}"
