"""Translates texts in several languages: each stretch from its own, and what is in none as it is.

Knows which stretches are translated. Does not know how they are found, nor how their translations
are one.
"""

import asyncio
from collections.abc import Iterator, Sequence

from dragoman.v1.translation_pb2 import (
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.detection import (
    UNDETERMINED,
    Guess,
    LanguageDetector,
    Stretch,
    choose,
    confirm,
    find_stretches,
    likeliest,
)
from dragoman_server.engine import ANYBODY, NO_LIMIT, Sender, TimeLimit
from dragoman_server.errors import InvalidArgumentError
from dragoman_server.models import names, primary
from dragoman_server.service.account import Usage
from dragoman_server.service.answers import TEXTS_AT_ONCE
from dragoman_server.service.by_language import Find, Text, translate_by_language
from dragoman_server.service.candidates import Candidates
from dragoman_server.service.markup import as_unary
from dragoman_server.service.parts import of_field
from dragoman_server.service.progress import OnProgress
from dragoman_server.service.stretched import Part, joined
from dragoman_server.service.validation import check_contents, check_stretches
from dragoman_server.texts import Spacing

PART_SEEDS = 0xC2B2AE3D27D4EB4F
"""From the seed of one stretch of a text to that of the next: far from those of other texts, and
of its sentences."""


class MixingTranslator:
    """What translates one request, whatever languages its texts are in.

    Args:
        detector: Guesses.
        candidates: What may be translated.
        target: Code of the language to translate into.
        find: Returns what translates a request that says its language.

    Attributes:
        name, version: The model's where one alone comes in question; else empty.
        check_room: As the candidates'.
    """

    def __init__(
        self, detector: LanguageDetector, candidates: Candidates, target: str, find: Find
    ) -> None:
        self.name, self.version = candidates.name, candidates.version
        self.check_room = candidates.check_room
        self._detector = detector
        self._candidates = candidates
        self._target = target
        self._own = names(target)
        self._spacing = Spacing(primary(target))
        self._find = find

    async def translate_texts(
        self,
        request: TranslateTextRequest,
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        usage: Usage | None = None,
    ) -> list[Translation]:
        """Translates all the texts, or none; see Translator.

        Raises:
            InvalidArgumentError: They have too many stretches.
        """
        check_contents(request.contents, self._candidates.limits)
        each: list[list[Part]] = []
        texts: list[Text] = []
        for index, text in enumerate(request.contents):
            if index % TEXTS_AT_ONCE == TEXTS_AT_ONCE - 1:
                await asyncio.sleep(0)
            each.append(await self._parts(text))
            texts += _texts(text, each[-1], index)
        check_stretches(len(texts), self._candidates.limits)
        plain = TranslateTextRequest()
        plain.CopyFrom(request)
        plain.mixed_languages = False
        translations = iter(
            await translate_by_language(
                plain, texts, self._find, limit=limit, sender=sender, usage=usage
            )
        )
        answers = []
        for index, (text, parts) in enumerate(zip(request.contents, each, strict=True)):
            if index % TEXTS_AT_ONCE == TEXTS_AT_ONCE - 1:
                await asyncio.sleep(0)
            answers.append(joined(text, parts, translations, self._spacing, request.options))
        return answers

    async def translate_text(
        self,
        request: StreamTranslateTextRequest,
        on_progress: OnProgress | None = None,  # noqa: ARG002  parts are finished in any order
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        usage: Usage | None = None,
    ) -> Translation:
        """Translates a text of a stream; it has no partial texts. See Translator."""
        unary = as_unary(request, self._candidates.limits)
        try:
            (translation,) = await self.translate_texts(unary, limit, sender, usage)
        except InvalidArgumentError as error:
            if not error.field.startswith("contents"):
                raise
            raise of_field(error, "content") from None
        return translation

    async def _parts(self, text: str) -> list[Part]:
        """Returns the stretches of a text, and what becomes of each."""
        parts: list[Part] = []
        for stretch in await find_stretches(text, self._detector, self._wanted):
            part = self._part(text, stretch)
            if parts and parts[-1].language.language_code == part.language.language_code:
                part = _merged(parts.pop(), part)
            parts.append(part)
        return parts

    def _part(self, text: str, stretch: Stretch) -> Part:
        begin, end, code = stretch
        guesses = self._detector.guesses(text[begin:end])
        wanted = self._wanted
        chosen = confirm(code, guesses, wanted) if code else choose(guesses, wanted)
        if chosen is None:
            return Part(begin, end, _unwanted(guesses), is_translated=False, is_left=True)
        return Part(begin, end, chosen, is_translated=chosen.language_code != self._target)

    def _wanted(self, code: str) -> str | None:
        return self._target if code in self._own else self._candidates.wanted(code)


def _texts(text: str, parts: Sequence[Part], index: int) -> Iterator[Text]:
    """Yields what is translated of the text at an index of a request."""
    for number, (begin, end, language, is_translated, _) in enumerate(parts):
        if is_translated:
            seed = index + number * PART_SEEDS
            yield Text(text[begin:end], language.language_code, index, seed)


def _unwanted(guesses: Sequence[Guess]) -> Guess:
    """Returns what a stretch is said to be in that stays as it is."""
    code = likeliest(guesses)
    return Guess(code, 0.0 if code == UNDETERMINED else guesses[0].confidence)


def _merged(part: Part, following: Part) -> Part:
    """Returns two parts in one language as one, as sure as the longer is."""
    longer = max(part, following, key=lambda each: each.end - each.begin)
    return longer._replace(begin=part.begin, end=following.end)
