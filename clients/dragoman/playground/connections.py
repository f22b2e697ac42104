"""The clients that the page's requests go through: one for all, or one for the key that came along.

Knows clients. A visitor's key lives as long as the request that brought it.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Protocol, Unpack

import grpc

from dragoman.async_client import AsyncClient
from dragoman.options import TranslateOptions
from dragoman.results import Model, Translation


class Translator(Protocol):
    """What is needed of an AsyncClient."""

    async def models(self) -> list[Model]:
        """Lists the models."""

    def translate_incrementally(
        self, text: str, **options: Unpack[TranslateOptions]
    ) -> AsyncGenerator[str | Translation, None]:
        """Yields how far a translation is, and at last all of it."""


@dataclass(frozen=True)
class Server:
    """Which server is asked, and how."""

    target: str
    """host:port of it, or any gRPC target."""

    credentials: grpc.ChannelCredentials | None = None
    """For TLS; plain text where None."""

    api_key: str = ""
    """For visitors who bring none of their own; empty where they need one, or nobody does."""

    insecure_api_key: bool = False
    """Whether a key may be sent to another machine without TLS."""

    timeout: float = 60.0
    """Seconds that a translation may take."""

    def client(self, api_key: str) -> AsyncClient:
        """Returns a client. It tells at once what fails: the page tries again where it helps.

        Raises:
            InvalidArgumentError: The key is none, or would be sent in the clear.
        """
        return AsyncClient(
            self.target,
            credentials=self.credentials,
            timeout=self.timeout,
            retry_seconds=0,
            api_key=api_key,
            insecure_api_key=self.insecure_api_key,
        )


class Connections:
    """Opens clients of one server, on the event loop that it is used on."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._shared = server.client(server.api_key)

    @contextlib.asynccontextmanager
    async def translator(self, key: str | None) -> AsyncIterator[Translator]:
        """Gives a client with the visitor's key, or the shared one where there is none.

        Raises:
            InvalidArgumentError: The key is none, or would be sent in the clear.
        """
        if key is None:
            yield self._shared
        else:
            own = self._server.client(key)
            try:
                yield own
            finally:  # also where the request is cancelled, again and again
                await asyncio.shield(own.close())

    async def close(self) -> None:
        """Ends all calls of the shared client."""
        await self._shared.close()
