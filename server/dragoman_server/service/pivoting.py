"""Translates through a third language: with one model into it, and from it with another.

Knows what of a request each of them gets, and what their two translations are together. Does not
know which models they are.
"""

from collections.abc import Callable

from dragoman.v1.translation_pb2 import (
    FINISH_REASON_LENGTH,
    DecodingOptions,
    Segment,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.engine import ANYBODY, NO_LIMIT, Sender, TimeLimit
from dragoman_server.errors import InvalidArgumentError
from dragoman_server.service.account import Usage
from dragoman_server.service.progress import OnProgress
from dragoman_server.service.translator import Translator

_OF_BOTH = (
    "beam_size",
    "length_penalty",
    "early_stopping",
    "repetition_penalty",
    "no_repeat_ngram_size",
    "max_length_factor",
    "return_scores",
)
"""Options of both translations; all others are the second one's alone."""

_OF_ONE = {
    "return_alignment": "neither model sees both ends",
    "return_attention": "neither model sees both ends",
    "return_confidence": "models are calibrated one by one",
}
"""What one model alone can tell, and why two cannot."""


class PivotingTranslator:
    """Two models, one after the other, for one request. Its deadline is that of both.

    Args:
        language: Code of the language between.
        first: Translates into it.
        second: Translates from it.
        find_second: Returns what does once its turn has come.

    Attributes:
        name, version: The second model's.
        limits: The first one's.
        aligns: False: neither model sees both ends.
    """

    aligns = False

    def __init__(
        self,
        language: str,
        first: Translator,
        second: Translator,
        find_second: Callable[[], Translator],
    ) -> None:
        self.name, self.version, self.limits = second.name, second.version, first.limits
        self._language = language
        self._first = first
        self._second = second
        self._find_second = find_second

    def check_room(
        self,
        limit: TimeLimit,
        sender: Sender,
        texts_ahead: int = 0,
        request: TranslateTextRequest | None = None,
    ) -> None:
        """Refuses what one of the two would refuse; see Translator."""
        self._first.check_room(limit, sender, texts_ahead, request)
        self._second.check_room(limit, sender, texts_ahead, request)

    async def translate_texts(
        self,
        request: TranslateTextRequest,
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        usage: Usage | None = None,
    ) -> list[Translation]:
        """Translates all the texts, or none; see Translator.

        Raises:
            InvalidArgumentError: There is a glossary too, or words are to be aligned.
        """
        self._check(request)
        into = TranslateTextRequest(
            contents=request.contents,
            source_language_code=request.source_language_code,
            target_language_code=self._language,
            options=_of_first(request.options),
            segmentation=request.segmentation,
            dnt_phrases=request.dnt_phrases,
            protect_placeholders=request.protect_placeholders,
            guard=request.guard,
        )
        before = await self._first.translate_texts(into, limit, sender, usage)
        out_of = TranslateTextRequest()
        out_of.CopyFrom(request)
        out_of.source_language_code = self._language
        out_of.contents[:] = [each.translated_text for each in before]
        self._second = self._find_second()
        try:
            after = await self._second.translate_texts(out_of, limit, sender, usage)
        except InvalidArgumentError as error:
            raise self._between(error) from None
        return [
            _joined(len(text), *both)
            for text, *both in zip(request.contents, before, after, strict=True)
        ]

    async def translate_text(
        self,
        request: StreamTranslateTextRequest,
        on_progress: OnProgress | None = None,
        limit: TimeLimit = NO_LIMIT,
        sender: Sender = ANYBODY,
        usage: Usage | None = None,
    ) -> Translation:
        """Translates a text of a stream; its partial texts are the second translation's."""
        self._check(request)
        into = StreamTranslateTextRequest(
            content=request.content,
            source_language_code=request.source_language_code,
            target_language_code=self._language,
            options=_of_first(request.options),
            segmentation=request.segmentation,
            dnt_phrases=request.dnt_phrases,
            protect_placeholders=request.protect_placeholders,
            guard=request.guard,
        )
        before = await self._first.translate_text(into, None, limit, sender, usage)
        out_of = StreamTranslateTextRequest()
        out_of.CopyFrom(request)
        out_of.source_language_code = self._language
        out_of.content = before.translated_text
        self._second = self._find_second()
        try:
            after = await self._second.translate_text(out_of, on_progress, limit, sender, usage)
        except InvalidArgumentError as error:
            raise self._between(error) from None
        return _joined(len(request.content), before, after)

    def _check(self, request: TranslateTextRequest | StreamTranslateTextRequest) -> None:
        """Raises InvalidArgumentError where something is asked for that one model alone knows."""
        _check_glossary(request)
        for field, why in _OF_ONE.items():
            if getattr(request, field):
                allowed = f"false for texts translated through {self._language!r}"
                raise InvalidArgumentError(
                    f"{field} is true; allowed: {allowed}, as {why}",
                    field=field,
                    reason="OPTIONS_CONFLICT",
                    given="true",
                    allowed=allowed,
                )

    def _between(self, error: InvalidArgumentError) -> InvalidArgumentError:
        """Returns an error about a text as it is in the language between."""
        return InvalidArgumentError(
            f"{error}; its text is a translation into {self._language!r} here",
            field=error.field,
            reason=error.reason,
            given=error.given,
            allowed=error.allowed,
        )


def _check_glossary(request: TranslateTextRequest | StreamTranslateTextRequest) -> None:
    if request.HasField("glossary_config"):
        raise InvalidArgumentError(
            "glossary_config does not go with a translation through a third language: its terms "
            "are of the request's two languages, and neither model has both; allowed: none, or a "
            "model that translates directly",
            field="glossary_config",
            reason="OPTIONS_CONFLICT",
            given="a glossary_config",
            allowed="none through a third language",
        )


def _of_first(options: DecodingOptions) -> DecodingOptions:
    given = options.ListFields()
    return DecodingOptions(
        **{field.name: value for field, value in given if field.name in _OF_BOTH}
    )


def _joined(length: int, first: Translation, second: Translation) -> Translation:
    """Returns the second translation as one of the first one's text, of `length` code points.

    Scores are logarithms of probabilities: that of both is their sum.
    """
    second.model = f"{first.model},{second.model}"
    second.model_version = f"{first.model_version},{second.model_version}"
    second.source_token_count = first.source_token_count
    if first.finish_reason == FINISH_REASON_LENGTH:
        second.finish_reason = FINISH_REASON_LENGTH
    if second.HasField("score"):
        second.score += first.score
    for segment in second.segments:
        segment.source_begin, segment.source_end = _source_span(length, first, segment)
    second.warnings.MergeFrom(first.warnings)
    for hypothesis in second.hypotheses:
        if hypothesis.HasField("score"):
            hypothesis.score += first.score
    return second


def _source_span(length: int, first: Translation, segment: Segment) -> tuple[int, int]:
    """Returns where what a segment of the second translation translates is in the text."""
    met = [
        each
        for each in first.segments
        if each.target_begin < segment.source_end and segment.source_begin < each.target_end
    ]
    if not met:  # the first model had the text whole
        return 0, length
    return met[0].source_begin, met[-1].source_end
