"""Translates texts of a request that are in several languages: those of each together.

Knows how they go apart and together again. Does not know how languages are found out.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dragoman.v1.translation_pb2 import (
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.engine import Sender, TimeLimit
from dragoman_server.errors import InvalidArgumentError
from dragoman_server.service.account import Usage
from dragoman_server.service.parts import in_whole_request, without_contents
from dragoman_server.service.route import Route
from dragoman_server.service.together import all_or_none

Find = Callable[[TranslateTextRequest | StreamTranslateTextRequest], Route]
"""Returns what translates a request that says its language."""


class Text(NamedTuple):
    """To be translated."""

    text: str
    language_code: str
    content: int
    """Index in the request's contents, of what it is or is part of."""
    seed: int
    """Added to the request's."""


class _Part(NamedTuple):
    """Texts that are asked for together."""

    places: list[int]
    """Among all of them."""
    indices: list[int]
    """In the request's contents."""
    request: TranslateTextRequest
    """For them alone."""


async def translate_by_language(
    request: TranslateTextRequest,
    texts: Sequence[Text],
    find: Find,
    *,
    limit: TimeLimit,
    sender: Sender,
    usage: Usage | None,
) -> list[Translation]:
    """Translates some texts, those of each language together, or none; in their order.

    An error of one names it by its place in the request. See Translator.

    Args:
        request: Says all but the texts and their languages.
        texts: Of the request, or parts of them.
        find: Finds what translates them.
        limit: When they are due.
        sender: Whose they are.
        usage: Told what they take, where somebody wants to know.
    """

    async def translate(part: _Part) -> list[Translation]:
        try:
            # Found now: what is served may have changed while languages were.
            return await find(part.request).translate_texts(part.request, limit, sender, usage)
        except InvalidArgumentError as error:
            raise in_whole_request(error, part.indices) from None

    parts = _parts(request, texts)
    answers = await all_or_none(map(translate, parts))
    translations = [Translation()] * len(texts)
    for part, answer in zip(parts, answers, strict=True):
        for place, translation in zip(part.places, answer, strict=True):
            translations[place] = translation
    return translations


def _parts(request: TranslateTextRequest, texts: Sequence[Text]) -> list[_Part]:
    """Returns a request for each language, or for each text where its seed is not by its place."""
    groups: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        groups.setdefault(text.language_code, []).append(place)
    is_apart = request.options.HasField("seed") and any(
        texts[place].seed != number
        for places in groups.values()
        for number, place in enumerate(places)
    )
    bare = without_contents(request)
    parts = []
    for code, places in groups.items():
        for some in [[place] for place in places] if is_apart else [places]:
            part = TranslateTextRequest()
            part.CopyFrom(bare)
            part.contents.extend(texts[place].text for place in some)
            part.source_language_code = code
            if is_apart:
                part.options.seed = _moved(request.options.seed, texts[some[0]].seed)
            parts.append(_Part(some, [texts[place].content for place in some], part))
    return parts


def _moved(seed: int, by: int) -> int:
    """Returns a seed so much further, as 64 bits hold it, its sign counted."""
    return (seed + by + (1 << 63)) % (1 << 64) - (1 << 63)
