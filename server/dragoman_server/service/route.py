"""What is needed of whatever translates a request, be it a model or more than one.

Knows nothing of how it is done.
"""

from typing import Protocol

from dragoman.v1.translation_pb2 import (
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.engine import Sender, TimeLimit
from dragoman_server.service.account import Usage
from dragoman_server.service.progress import OnProgress


class CallRoute(Protocol):
    """What translates the texts of a call."""

    @property
    def name(self) -> str:
        """The model's, of two the last one's; empty where that depends on the texts."""

    @property
    def version(self) -> str:
        """Likewise."""

    def check_room(
        self,
        limit: TimeLimit,
        sender: Sender,
        texts_ahead: int = 0,
        request: TranslateTextRequest | None = None,
    ) -> None:
        """See Translator."""

    async def translate_texts(
        self,
        request: TranslateTextRequest,
        limit: TimeLimit = ...,
        sender: Sender = ...,
        usage: Usage | None = None,
    ) -> list[Translation]:
        """See Translator."""


class Route(CallRoute, Protocol):
    """What translates a request: a call's texts, or one of a stream."""

    async def translate_text(
        self,
        request: StreamTranslateTextRequest,
        on_progress: OnProgress | None = None,
        limit: TimeLimit = ...,
        sender: Sender = ...,
        usage: Usage | None = None,
    ) -> Translation:
        """See Translator."""
