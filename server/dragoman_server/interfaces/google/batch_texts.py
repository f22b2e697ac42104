"""Translates the texts of a batch, as many at once as a call may have, one call after the other.

What the server is too busy for is asked again. Knows our own call. Does not know files.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

from dragoman.v1.translation_pb2 import (
    PRIORITY_BULK,
    GlossaryConfig,
    Limits,
    TranslateTextRequest,
    TranslateTextResponse,
)
from dragoman_server.interfaces.google.batch_files import Item, Result
from dragoman_server.interfaces.google.batch_request import Target
from dragoman_server.rpc import RpcError

Ask = Callable[[TranslateTextRequest], Awaitable[TranslateTextResponse]]
"""Makes a call of ours; raises RpcError."""

RETRY_SECONDS = 1.0

_FOR_NOW = frozenset({"RESOURCE_EXHAUSTED", "UNAVAILABLE"})
"""Codes of what may be asked for again."""

_OF_A_TEXT = "INVALID_ARGUMENT"
"""Code of what may be about one text of several."""


class TextsTranslator:
    """Of one batch.

    Args:
        ask: Makes calls for its caller.
        source: The language of its texts.
        limits: Of a call.
        check: Raises what ends the batch, once nobody wants the rest.
    """

    def __init__(
        self, ask: Ask, source: str, limits: Limits, check: Callable[[], Awaitable[None]]
    ) -> None:
        self._ask = ask
        self._source = source
        self._limits = limits
        self._check = check

    async def translate(
        self, items: Sequence[Item], mime_type: str, target: Target, glossary: GlossaryConfig | None
    ) -> list[Result]:
        """Returns what became of each text."""
        request = TranslateTextRequest(
            mime_type=mime_type,
            source_language_code=self._source,
            target_language_code=target.code,
            model=target.model,
            glossary_config=glossary,
            priority=PRIORITY_BULK,
        )
        results: list[Result] = []
        for group in self._groups([item.text for item in items]):
            results += await self._translate(request, group)
        return results

    async def _translate(self, request: TranslateTextRequest, texts: Sequence[str]) -> list[Result]:
        asked = TranslateTextRequest(contents=texts)
        asked.MergeFrom(request)
        try:
            translations = (await self._asked(asked)).translations
        except RpcError as error:
            if len(texts) > 1 and error.status.code.name == _OF_A_TEXT:
                each = [await self._translate(request, [text]) for text in texts]
                return [result for (result,) in each]
            return [Result(error=error.status.details)] * len(texts)
        return [Result(translation.translated_text) for translation in translations]

    async def _asked(self, request: TranslateTextRequest) -> TranslateTextResponse:
        while True:
            await self._check()
            try:
                return await self._ask(request)
            except RpcError as error:
                if error.status.code.name not in _FOR_NOW:
                    raise
            await asyncio.sleep(RETRY_SECONDS)

    def _groups(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """Yields texts that go into one call together."""
        group: list[str] = []
        length = 0
        for text in texts:
            is_full = len(group) == self._limits.max_contents
            if group and (is_full or length + len(text) > self._limits.max_code_points):
                yield group
                group, length = [], 0
            group.append(text)
            length += len(text)
        if group:
            yield group
