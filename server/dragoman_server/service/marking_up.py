"""Translates HTML with what translates plain texts: the text of each block, aligned if it can be.

Knows which requests need alignments, and what is said where there are none. Does not know how texts
are translated, nor how elements find their places.
"""

from dragoman.v1.translation_pb2 import (
    Limits,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.engine import ANYBODY, NO_LIMIT, Sender, TimeLimit
from dragoman_server.errors import InvalidArgumentError
from dragoman_server.service.account import Usage
from dragoman_server.service.markup import MarkedUp, as_unary
from dragoman_server.service.progress import OnProgress
from dragoman_server.service.route import Route

ALIGNMENT_TOO_LARGE = "ALIGNMENT_TOO_LARGE"
"""The reason of the error about a text that is too long to be aligned."""


class MarkupTranslator:
    """What translates the texts of a request that are HTML.

    Args:
        route: Translates plain texts.
        limits: What a request of them may have.
        aligns: Whether it tells alignments.

    Attributes:
        name, version: As the route's.
    """

    def __init__(self, route: Route, limits: Limits, *, aligns: bool) -> None:
        self.name, self.version = route.name, route.version
        self._route = route
        self._limits = limits
        self._aligns = aligns

    def check_room(
        self,
        limit: TimeLimit,
        sender: Sender,
        texts_ahead: int = 0,
        request: TranslateTextRequest | None = None,
    ) -> None:
        """See Translator: tags are taken for text, as nobody has read them yet."""
        self._route.check_room(limit, sender, texts_ahead, request)

    async def translate_texts(
        self,
        request: TranslateTextRequest,
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        usage: Usage | None = None,
    ) -> list[Translation]:
        """Translates all the texts, or none; see Translator."""
        return await self._translate(MarkedUp(request, self._limits), limit, sender, usage)

    async def translate_text(
        self,
        request: StreamTranslateTextRequest,
        on_progress: OnProgress | None = None,  # noqa: ARG002  where tags go is known at the end
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        usage: Usage | None = None,
    ) -> Translation:
        """Translates a text of a stream; it has no partial texts. See Translator."""
        marked_up = MarkedUp(as_unary(request, self._limits), self._limits, "content")
        return (await self._translate(marked_up, limit, sender, usage))[0]

    async def _translate(
        self, marked_up: MarkedUp, limit: TimeLimit, sender: Sender, usage: Usage | None
    ) -> list[Translation]:
        plain = marked_up.plain
        plain.return_alignment = self._aligns and marked_up.needs_alignment
        try:
            translations = await self._route.translate_texts(plain, limit, sender, usage)
        except InvalidArgumentError as error:
            if error.reason != ALIGNMENT_TOO_LARGE:
                raise marked_up.in_request(error) from None
            plain.return_alignment = False
            translations = await self._route.translate_texts(plain, limit, sender, usage)
        return marked_up.translations(translations)
