"""Translates HTML with what translates plain texts: the text of each block, aligned if need be.

Aligning costs as much as half of translating, so blocks go without whose elements are at their
ends. Knows which texts are asked for together. Does not know how texts
are translated, nor how elements find their places.
"""

import asyncio
import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from dragoman.v1.translation_pb2 import (
    Limits,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.engine import ANYBODY, NO_LIMIT, Sender, TimeLimit
from dragoman_server.errors import InvalidArgumentError
from dragoman_server.runtime.attention_runner import ALIGNMENT_TOO_LARGE
from dragoman_server.service.account import Usage
from dragoman_server.service.markup import MarkedUp, as_unary
from dragoman_server.service.parts import in_whole_request, part_of, without_contents
from dragoman_server.service.progress import OnProgress
from dragoman_server.service.route import Route
from dragoman_server.service.together import all_or_none

MOST_AT_ONCE = 2_000
"""Code points of HTML that are read, and written again, on the event loop: up to some 15 ms. Of
30,000 it can be a second and a half."""

T = TypeVar("T")


class AligningRoute(Route, Protocol):
    """What translates plain texts, and may tell how they are aligned."""

    @property
    def limits(self) -> Limits:
        """What a request may have."""

    @property
    def aligns(self) -> bool:
        """Whether a request may ask for alignments."""


class MarkupTranslator:
    """What translates the texts of a request that are HTML.

    Args:
        find: Returns what translates its texts once they are plain.

    Attributes:
        name, version: Of what it returns now.
    """

    def __init__(self, find: Callable[[], AligningRoute]) -> None:
        self._route = find()
        self.name, self.version = self._route.name, self._route.version
        self._limits = self._route.limits
        self._find = find

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
        return await self._translate(request, "", limit, sender, usage)

    async def translate_text(
        self,
        request: StreamTranslateTextRequest,
        on_progress: OnProgress | None = None,  # noqa: ARG002  where tags go is known at the end
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        usage: Usage | None = None,
    ) -> Translation:
        """Translates a text of a stream; it has no partial texts. See Translator."""
        unary = as_unary(request, self._limits)
        return (await self._translate(unary, "content", limit, sender, usage))[0]

    async def _translate(
        self,
        request: TranslateTextRequest,
        field: str,
        limit: TimeLimit,
        sender: Sender,
        usage: Usage | None,
    ) -> list[Translation]:
        size = sum(map(len, request.contents))
        marked_up = await _done(size, functools.partial(MarkedUp, request, self._limits, field))
        is_aligned = self._find().aligns
        try:
            try:
                parts = _parts(marked_up, is_aligned=is_aligned)
                plain = await self._plain(parts, limit, sender, usage)
            except InvalidArgumentError as error:
                if error.reason != ALIGNMENT_TOO_LARGE:
                    raise
                is_aligned = False
                parts = _parts(marked_up, is_aligned=is_aligned)
                plain = await self._plain(parts, limit, sender, usage)
        except InvalidArgumentError as error:
            raise marked_up.in_request(error) from None
        write = functools.partial(marked_up.translations, plain, is_aligned=is_aligned)
        return await _done(size, write)

    async def _plain(
        self, parts: Sequence["_Part"], limit: TimeLimit, sender: Sender, usage: Usage | None
    ) -> list[Translation]:
        """Returns the translations of the texts of all parts, in their order in the whole."""
        answers = await all_or_none(
            self._translate_part(part, limit, sender, usage) for part in parts
        )
        found = {
            index: translation
            for part, answer in zip(parts, answers, strict=True)
            for index, translation in zip(part.indices, answer, strict=True)
        }
        return [found[index] for index in range(len(found))]

    async def _translate_part(
        self, part: "_Part", limit: TimeLimit, sender: Sender, usage: Usage | None
    ) -> list[Translation]:
        try:
            # Found now: what is served may have changed while the texts were read.
            return await self._find().translate_texts(part.request, limit, sender, usage)
        except InvalidArgumentError as error:
            raise in_whole_request(error, part.indices) from None


async def _done(code_points: int, work: Callable[[], T]) -> T:
    """Does work on so much text: in a thread where the event loop would stand still for long."""
    return work() if code_points <= MOST_AT_ONCE else await asyncio.to_thread(work)


class _Part(NamedTuple):
    """Texts of blocks that are all to be aligned, or none of them."""

    indices: list[int]
    """Among the texts of all blocks."""
    request: TranslateTextRequest
    """For them alone."""


def _parts(marked_up: MarkedUp, *, is_aligned: bool) -> list[_Part]:
    """Returns the texts that have to be aligned and the others; all together if seeds count them.

    Args:
        marked_up: Has the texts.
        is_aligned: Whether any can be.
    """
    whole, needs = marked_up.plain, marked_up.needs_links or [False]
    if not is_aligned:
        needs = [False] * len(needs)
    elif whole.options.HasField("seed"):
        needs = [any(needs)] * len(needs)
    bare = without_contents(whole)
    parts = []
    for wanted in sorted(set(needs), reverse=True):
        indices = [index for index, each in enumerate(needs) if each == wanted]
        request = part_of(whole, bare, indices)
        request.return_alignment = wanted
        parts.append(_Part(indices, request))
    return parts
