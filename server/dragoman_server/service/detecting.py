"""Translates texts that come without their language: each is found out, then it is as if said.

Knows guesses, and how the texts of a request go apart by languages and together again. Does not
know which models there are, nor how languages are guessed.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dragoman.v1.translation_pb2 import (
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.detection import (
    UNDETERMINED,
    Guess,
    LanguageDetector,
    Wanted,
    choose,
    has_letters,
)
from dragoman_server.engine import ANYBODY, NO_LIMIT, Sender, TimeLimit
from dragoman_server.errors import InvalidArgumentError, OverloadError
from dragoman_server.service.account import Usage
from dragoman_server.service.markup import readable
from dragoman_server.service.parts import in_whole_request, part_of, without_contents
from dragoman_server.service.progress import OnProgress
from dragoman_server.service.route import Route
from dragoman_server.service.translator import TEXTS_AT_ONCE, Translator
from dragoman_server.service.validation import check_content, check_contents

MOST_TOLD = 3
"""Guesses that an error names."""

MOST_LISTED = 20
"""Languages that it says are allowed."""


class Candidates(NamedTuple):
    """What texts may be in that can be translated into the language that is asked for."""

    codes: tuple[str, ...]
    """Of the models' own; what has no letters is taken for the first."""
    translators: tuple[Translator, ...]
    wanted: Wanted
    """Returns the code to ask for where a language is guessed; None where it cannot be
    translated."""


class DetectingTranslator:
    """What translates one request, whatever languages its texts turn out to be in.

    Args:
        detector: Guesses.
        candidates: What may come of it.
        find: Returns what translates a request that says its language.
        is_html: Whether the texts are, so that their words alone say the language.

    Attributes:
        name, version: The model's where one alone comes in question; else empty.
    """

    def __init__(
        self,
        detector: LanguageDetector,
        candidates: Candidates,
        find: Callable[[TranslateTextRequest | StreamTranslateTextRequest], Route],
        *,
        is_html: bool = False,
    ) -> None:
        only = candidates.translators[0] if len(candidates.translators) == 1 else None
        self.name = "" if only is None else only.name
        self.version = "" if only is None else only.version
        self._detector = detector
        self._candidates = candidates
        self._find = find
        self._is_html = is_html
        self._limits = candidates.translators[0].model.limits

    def check_room(
        self,
        limit: TimeLimit,
        sender: Sender,
        texts_ahead: int = 0,
        request: TranslateTextRequest | None = None,
    ) -> None:
        """Refuses what every model in question would refuse; see Translator."""
        refusal: OverloadError | None = None
        for translator in self._candidates.translators:
            try:
                translator.check_room(limit, sender, texts_ahead, request)
            except OverloadError as error:
                refusal = refusal or error
            else:
                return
        assert refusal is not None
        raise refusal

    async def translate_texts(
        self,
        request: TranslateTextRequest,
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        usage: Usage | None = None,
    ) -> list[Translation]:
        """Translates all the texts, those of each language together, or none; see Translator.

        Raises:
            InvalidArgumentError: The language of a text is not sure enough.
        """
        check_contents(request.contents, self._limits)
        languages = []
        for index, text in enumerate(request.contents):
            if index % TEXTS_AT_ONCE == TEXTS_AT_ONCE - 1:
                await asyncio.sleep(0)
            languages.append(self._language(text, f"contents[{index}]"))
        parts = self._parts(request, languages)
        tasks = [asyncio.create_task(self._translate(part, limit, sender, usage)) for part in parts]
        try:
            answers = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        translations = [Translation()] * len(languages)
        for part, answer in zip(parts, answers, strict=True):
            for index, translation in zip(part.indices, answer, strict=True):
                translations[index] = _told(translation, languages[index])
        return translations

    async def translate_text(
        self,
        request: StreamTranslateTextRequest,
        on_progress: OnProgress | None = None,
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        usage: Usage | None = None,
    ) -> Translation:
        """Translates a text of a stream; raises as `translate_texts` does."""
        check_content(request.content, self._limits)
        language = self._language(request.content, "content")
        said = StreamTranslateTextRequest()
        said.CopyFrom(request)
        said.source_language_code = self._code(language)
        answer = await self._find(said).translate_text(said, on_progress, limit, sender, usage)
        return _told(answer, language)

    def _language(self, text: str, field: str) -> Guess:
        if self._is_html:
            text = readable(text, field)
        if not has_letters(text):
            return Guess(UNDETERMINED, 0.0)
        guesses = self._detector.guesses(text)
        chosen = choose(guesses, self._candidates.wanted)
        if chosen is None:
            raise self._unsure(field, guesses)
        return chosen

    def _code(self, language: Guess) -> str:
        code = language.language_code
        return self._candidates.codes[0] if code == UNDETERMINED else code

    def _parts(self, request: TranslateTextRequest, languages: Sequence[Guess]) -> list["_Part"]:
        """Returns a request for each language, or for each text where its index counts."""
        groups: dict[str, list[int]] = {}
        for index, language in enumerate(languages):
            groups.setdefault(self._code(language), []).append(index)
        by_index = len(groups) > 1 and request.options.HasField("seed")
        bare = without_contents(request)
        parts = []
        for code, indices in groups.items():
            for some in [[index] for index in indices] if by_index else [indices]:
                part = part_of(request, bare, some)
                part.source_language_code = code
                if by_index:
                    part.options.seed = _moved(request.options.seed, some[0])
                parts.append(_Part(some, part))
        return parts

    async def _translate(
        self, part: "_Part", limit: TimeLimit, sender: Sender, usage: Usage | None
    ) -> list[Translation]:
        try:
            # Found now: what is served may have changed while languages were.
            found = self._find(part.request)
            return await found.translate_texts(part.request, limit, sender, usage)
        except InvalidArgumentError as error:
            raise in_whole_request(error, part.indices) from None

    def _unsure(self, field: str, guesses: Sequence[Guess]) -> InvalidArgumentError:
        best = ", ".join(
            f"{guess.language_code} {guess.confidence:.2f}" for guess in guesses[:MOST_TOLD]
        )
        codes = self._candidates.codes
        more = f" and {len(codes) - MOST_LISTED} more" if len(codes) > MOST_LISTED else ""
        allowed = f"source_language_code {', '.join(codes[:MOST_LISTED])}{more}"
        return InvalidArgumentError(
            f"{field} is in no language that is sure enough and that can be translated: "
            f"the best guesses are {best or 'none'}; allowed: {allowed}",
            field=field,
            reason="LANGUAGE_NOT_DETECTED",
            given=best,
            allowed=allowed,
        )


class _Part(NamedTuple):
    """Texts of a request that are in one language."""

    indices: list[int]
    """In the whole request."""
    request: TranslateTextRequest
    """For them alone."""


def _told(translation: Translation, language: Guess) -> Translation:
    translation.detected_language_code = language.language_code
    translation.detected_language_confidence = language.confidence
    return translation


def _moved(seed: int, index: int) -> int:
    """Returns the seed of a text at an index of a request, as 64 bits hold it, its sign counted."""
    return (seed + index + (1 << 63)) % (1 << 64) - (1 << 63)
