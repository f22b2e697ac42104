"""Translates texts that come without their language: each is found out, then it is as if said.

Knows guesses. Does not know which models there are, nor how languages are guessed.
"""

import asyncio
from collections.abc import Sequence

from dragoman.v1.translation_pb2 import (
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.detection import (
    UNDETERMINED,
    Guess,
    LanguageDetector,
    choose,
    has_letters,
)
from dragoman_server.engine import ANYBODY, NO_LIMIT, Sender, TimeLimit
from dragoman_server.errors import InvalidArgumentError, listed
from dragoman_server.service.account import Usage
from dragoman_server.service.answers import TEXTS_AT_ONCE
from dragoman_server.service.by_language import Find, Text, translate_by_language
from dragoman_server.service.candidates import Candidates
from dragoman_server.service.markup import readable
from dragoman_server.service.progress import OnProgress
from dragoman_server.service.validation import check_content, check_contents

MOST_TOLD = 3
"""Guesses that an error names."""


class DetectingTranslator:
    """What translates one request, whatever languages its texts turn out to be in.

    Args:
        detector: Guesses.
        candidates: What may come of it.
        find: Returns what translates a request that says its language.
        is_html: Whether the texts are, so that their words alone say the language.

    Attributes:
        name, version: The model's where one alone comes in question; else empty.
        check_room: As the candidates'.
    """

    def __init__(
        self,
        detector: LanguageDetector,
        candidates: Candidates,
        find: Find,
        *,
        is_html: bool = False,
    ) -> None:
        self.name, self.version = candidates.name, candidates.version
        self.check_room = candidates.check_room
        self._detector = detector
        self._candidates = candidates
        self._find = find
        self._is_html = is_html
        self._limits = candidates.limits

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
        texts = [
            Text(text, self._code(language), index, index)
            for index, (text, language) in enumerate(zip(request.contents, languages, strict=True))
        ]
        translations = await translate_by_language(
            request, texts, self._find, limit=limit, sender=sender, usage=usage
        )
        return list(map(_told, translations, languages))

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

    def _unsure(self, field: str, guesses: Sequence[Guess]) -> InvalidArgumentError:
        best = ", ".join(
            f"{guess.language_code} {guess.confidence:.2f}" for guess in guesses[:MOST_TOLD]
        )
        allowed = f"source_language_code {listed(self._candidates.codes)}"
        return InvalidArgumentError(
            f"{field} is in no language that is sure enough and that can be translated: "
            f"the best guesses are {best or 'none'}; allowed: {allowed}",
            field=field,
            reason="LANGUAGE_NOT_DETECTED",
            given=best,
            allowed=allowed,
        )


def _told(translation: Translation, language: Guess) -> Translation:
    translation.detected_language_code = language.language_code
    translation.detected_language_confidence = language.confidence
    return translation
