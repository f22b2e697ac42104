"""Marked-up texts of a request as plain ones, and their translations marked up again.

Knows requests and translations. Does not know how anything is translated, nor how elements find
their places: that is dragoman_server.markup.
"""

import math
from collections.abc import Sequence
from itertools import islice

from google.protobuf.message import Message

from dragoman.v1.translation_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    Limits,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server.errors import InvalidArgumentError
from dragoman_server.markup import Fragment, Link, MarkupError, parse
from dragoman_server.service.confidence import confidence_of
from dragoman_server.service.parts import in_whole_request, of_field
from dragoman_server.service.validation import (
    check_blocks,
    check_content,
    check_contents,
    check_marked_up,
    wrong_markup,
)

TAGS_BY_PROPORTION = "TAGS_BY_PROPORTION"
_BY_PROPORTION = (
    "inline elements are placed in proportion to where they were: there is no alignment of words"
)


class MarkedUp:
    """The texts of a request, each a fragment of HTML.

    Attributes:
        plain: The same request of the texts in them.
        needs_links: Of each of those texts, whether elements are round a part of it, and which part
            that becomes is to be found out.
    """

    def __init__(self, request: TranslateTextRequest, limits: Limits, field: str = "") -> None:
        """Reads the fragments.

        Args:
            request: The request.
            limits: What it may ask for.
            field: What its only text is called; empty where it has several.

        Raises:
            InvalidArgumentError: It asks for what cannot be.
        """
        check_contents(request.contents, limits)
        check_marked_up(request)
        self._fragments = [
            _parsed(content, field or f"contents[{index}]")
            for index, content in enumerate(request.contents)
        ]
        self.needs_links = [needs for fragment in self._fragments for needs in fragment.needs_links]
        self._field = field
        self._indices = [
            index for index, fragment in enumerate(self._fragments) for _ in fragment.texts
        ]
        texts = [text for fragment in self._fragments for text in fragment.texts]
        check_blocks(len(texts), limits)
        self.plain = TranslateTextRequest()
        self.plain.CopyFrom(request)
        self.plain.mime_type = ""
        self.plain.contents[:] = texts or [""]  # which says what model it is

    def translations(self, plain: Sequence[Translation], *, is_aligned: bool) -> list[Translation]:
        """Returns the translations of the fragments.

        Args:
            plain: Those of their texts.
            is_aligned: Whether they have links where these are needed.
        """
        remaining = iter(plain)
        translations = []
        for fragment in self._fragments:
            parts = list(islice(remaining, len(fragment.texts)))
            translation = _joined(fragment, parts, plain[0])
            if not is_aligned and any(fragment.needs_links):
                translation.warnings.add(reason=TAGS_BY_PROPORTION, message=_BY_PROPORTION)
            translations.append(translation)
        return translations

    def in_request(self, error: InvalidArgumentError) -> InvalidArgumentError:
        """Returns an error about a text of a block as one about its fragment."""
        error = in_whole_request(error, self._indices or [0])
        if not self._field or not error.field.startswith("contents"):
            return error
        return of_field(error, self._field)


def as_unary(request: StreamTranslateTextRequest, limits: Limits) -> TranslateTextRequest:
    """Returns the request for a text of a stream alone.

    Raises:
        InvalidArgumentError: The text is too long or has a NUL.
    """
    check_content(request.content, limits)
    unary = TranslateTextRequest(contents=[request.content])
    for field, value in request.ListFields():
        if field.name not in unary.DESCRIPTOR.fields_by_name:
            continue
        if isinstance(value, Message):
            getattr(unary, field.name).CopyFrom(value)
        elif isinstance(value, str | int):
            setattr(unary, field.name, value)
        else:
            getattr(unary, field.name).extend(value)
    return unary


def readable(content: str, field: str) -> str:
    """Returns the words of a fragment, a line for each block.

    Raises:
        InvalidArgumentError: It has too much markup; says so of the field.
    """
    return "\n".join(_parsed(content, field).texts)


def _parsed(content: str, field: str) -> Fragment:
    try:
        return parse(content)
    except MarkupError as error:
        raise wrong_markup(field, error.given, error.allowed) from None


def _joined(fragment: Fragment, parts: Sequence[Translation], any_: Translation) -> Translation:
    is_cut = any(part.finish_reason == FINISH_REASON_LENGTH for part in parts)
    joined = Translation(
        translated_text=fragment.translated(
            [(each.translated_text, _links(each)) for each in parts]
        ),
        finish_reason=FINISH_REASON_LENGTH if is_cut else FINISH_REASON_STOP,
        source_token_count=sum(part.source_token_count for part in parts),
        target_token_count=sum(part.target_token_count for part in parts),
        model=any_.model,
        model_version=any_.model_version,
        token_scores=[score for part in parts for score in part.token_scores],
        warnings=[warning for part in parts for warning in part.warnings],
    )
    if any(part.HasField("score") for part in parts):
        joined.score = _mean(parts)
    if (confidence := confidence_of(parts)) is not None:
        joined.confidence = confidence
    return joined


def _links(part: Translation) -> list[Link]:
    return [
        Link(link.source_begin, link.source_end, link.target_begin, link.target_end, link.weight)
        for link in part.alignment
    ]


def _mean(parts: Sequence[Translation]) -> float:
    """Returns the mean score of all tokens, ends counted."""
    scored = [part for part in parts if part.HasField("score")]
    total = math.fsum(part.score * (part.target_token_count + 1) for part in scored)
    return total / sum(part.target_token_count + 1 for part in scored)
