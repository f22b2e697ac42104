"""Says what is wrong with a request's fields: the field, what it has, what is allowed.

Does not know tokens beyond their number, nor how anything is translated.
"""

from collections.abc import Sequence

from dragoman.v1.translation_pb2 import (
    PRIORITY_BULK,
    PRIORITY_INTERACTIVE,
    PRIORITY_UNSPECIFIED,
    SEGMENTATION_AUTO,
    SEGMENTATION_NONE,
    SEGMENTATION_SENTENCES,
    Limits,
    StreamTranslateTextRequest,
    TranslateTextRequest,
)
from dragoman_server.engine import Priority
from dragoman_server.errors import InvalidArgumentError

NUL = "\0"

PLAIN, HTML = "text/plain", "text/html"
MIME_TYPES = (PLAIN, HTML)

MAX_SHOWN = 100
"""Characters of a string that are shown where it is wrong."""

PHRASES = {"\ufdfa": 17, "\ufdfb": 7}
"""Code points that stand for phrases, and how many more those have (Unicode, NFKC). All others
stand for six at the most."""

_PRIORITIES: dict[int, Priority] = {
    PRIORITY_UNSPECIFIED: Priority.INTERACTIVE,
    PRIORITY_INTERACTIVE: Priority.INTERACTIVE,
    PRIORITY_BULK: Priority.BULK,
}


_SEGMENTATIONS = (SEGMENTATION_AUTO, SEGMENTATION_SENTENCES, SEGMENTATION_NONE)


def read_priority(number: int) -> Priority:
    """Returns how urgent a request is; raises InvalidArgumentError where the number means none."""
    priority = _PRIORITIES.get(number)
    if priority is None:
        given, allowed = str(number), f"0 to {max(_PRIORITIES)}"
        raise wrong_field("priority", given, allowed, verb="is", reason="OPTION_OUT_OF_RANGE")
    return priority


def read_segmentation(request: TranslateTextRequest | StreamTranslateTextRequest) -> int:
    """Returns how the texts of a request are to be split, by the wire's number for it.

    Raises:
        InvalidArgumentError: The number means nothing, or does not go with other options.
    """
    number = request.segmentation
    if request.return_attention:  # weights are of one sentence's tokens
        if number == SEGMENTATION_SENTENCES:
            given, allowed = "SEGMENTATION_SENTENCES", "another where return_attention is true"
            raise wrong_field("segmentation", given, allowed, verb="is", reason="OPTIONS_CONFLICT")
        return SEGMENTATION_NONE
    if not number:
        return SEGMENTATION_AUTO
    if number not in _SEGMENTATIONS:
        given, allowed = str(number), f"0 to {max(_SEGMENTATIONS)}"
        raise wrong_field("segmentation", given, allowed, verb="is", reason="OPTION_OUT_OF_RANGE")
    return number


def read_mime_type(mime_type: str) -> str:
    """Returns what texts are; raises InvalidArgumentError where that is none of what is known."""
    if mime_type not in MIME_TYPES:
        given, allowed = repr(mime_type[:MAX_SHOWN]), " or ".join(map(repr, MIME_TYPES))
        raise wrong_field("mime_type", given, allowed, verb="is", reason="OPTION_OUT_OF_RANGE")
    return mime_type


def check_marked_up(request: TranslateTextRequest) -> None:
    """Raises InvalidArgumentError for options that mean nothing where texts have several parts."""
    if request.options.num_hypotheses > 1:
        given = str(request.options.num_hypotheses)
        raise wrong_option("num_hypotheses", given, f"1 with the mime_type {HTML}")
    for field in ("return_alignment", "return_attention"):
        if getattr(request, field):
            allowed = f"false with the mime_type {HTML}"
            raise wrong_field(field, "true", allowed, verb="is", reason="OPTIONS_CONFLICT")
    if request.options.target_prefix:
        raise wrong_option("target_prefix", "not empty", f"nothing with the mime_type {HTML}")


def check_mixed_languages(request: TranslateTextRequest | StreamTranslateTextRequest) -> None:
    """Raises InvalidArgumentError for what does not go with texts in several languages."""
    beside = "where mixed_languages is true"
    if request.source_language_code:
        given = repr(request.source_language_code[:MAX_SHOWN])
        raise _conflict("source_language_code", given, f"nothing {beside}")
    if request.mime_type and read_mime_type(request.mime_type) != PLAIN:
        raise _conflict("mime_type", repr(request.mime_type), f"{PLAIN!r} {beside}")
    if request.return_attention:
        raise _conflict("return_attention", "true", f"false {beside}")
    if request.options.num_hypotheses > 1:
        given = str(request.options.num_hypotheses)
        raise _conflict("options.num_hypotheses", given, f"1 {beside}")
    if request.options.target_prefix:
        raise _conflict("options.target_prefix", "not empty", f"nothing {beside}")


def check_stretches(count: int, limits: Limits) -> None:
    """Raises InvalidArgumentError where texts in several languages have too many parts together."""
    if count > limits.max_contents:
        raise wrong_field(
            "contents",
            f"{count} parts to translate, each in one language",
            f"at most {limits.max_contents}",
            reason="TOO_MANY_CONTENTS",
        )


def check_blocks(count: int, limits: Limits) -> None:
    """Raises InvalidArgumentError where marked-up texts have too many blocks together."""
    if count > limits.max_contents:
        raise wrong_field(
            "contents",
            f"{count} blocks of text",
            f"at most {limits.max_contents}",
            reason="TOO_MANY_CONTENTS",
        )


def wrong_markup(field: str, problem: str, allowed: str) -> InvalidArgumentError:
    """Returns the error about markup that is more than is allowed."""
    return wrong_field(field, problem, allowed, reason="TOO_MUCH_MARKUP")


def check_contents(contents: Sequence[str], limits: Limits) -> None:
    """Checks the number of texts and what is in them.

    Raises:
        InvalidArgumentError: There are none or too many, or one holds a NUL.
    """
    if not 1 <= len(contents) <= limits.max_contents:
        raise wrong_field(
            "contents",
            f"{len(contents)} texts",
            f"1 to {limits.max_contents}",
            reason="NO_CONTENTS" if not contents else "TOO_MANY_CONTENTS",
        )
    check_code_points(contents, "contents", limits)
    for index, text in enumerate(contents):
        if NUL in text:
            check_characters(text, f"contents[{index}]")


def check_content(text: str, limits: Limits) -> None:
    """Checks the text of a stream's request, as `check_contents` does those of a call.

    Raises:
        InvalidArgumentError: It is too long, or holds a NUL.
    """
    check_code_points([text], "content", limits)
    check_characters(text, "content")


def check_code_points(
    texts: Sequence[str], field: str, limits: Limits, *, languages: int = 1
) -> None:
    """Raises InvalidArgumentError where the texts together are too long.

    A ligature that the tokenizer takes for a whole phrase counts as that.

    Args:
        texts: What is to be translated.
        field: That has them.
        limits: Of what is translated.
        languages: Into how many each of them is.
    """
    most = limits.max_code_points // languages
    count = sum(map(len, texts))
    if count <= most:
        count += sum([_more_by_phrases(text) for text in texts if not text.isascii()])
    if count > most:
        each = f" for {languages} languages" if languages > 1 else ""
        raise wrong_field(
            field,
            f"{count} code points{each}",
            f"at most {most}",
            reason="TOO_MANY_CODE_POINTS",
        )


def _more_by_phrases(text: str) -> int:
    return sum([more * text.count(each) for each, more in PHRASES.items()])


def check_characters(text: str, field: str) -> None:
    """Raises InvalidArgumentError where the text holds a NUL, which no text does on purpose."""
    position = text.find(NUL)
    if position >= 0:
        raise wrong_field(
            field,
            f"a NUL character at code point {position}",
            "text without NUL characters",
            reason="NUL_CHARACTER",
        )


def check_source_length(count: int, field: str, limits: Limits) -> None:
    """Raises InvalidArgumentError where a text has more source tokens than the model takes."""
    if count > limits.max_input_length:
        raise wrong_field(
            field,
            f"{count} source tokens",
            f"at most {limits.max_input_length}",
            reason="TEXT_TOO_LONG",
        )


def check_range(name: str, value: float, lowest: float, highest: float) -> None:
    """Raises InvalidArgumentError where an option is out of its range, bounds included."""
    if not lowest <= value <= highest:
        raise wrong_option(name, _shown(value), f"{lowest:g} to {highest:g}")


def check_range_above(name: str, value: float, bound: float, highest: float) -> None:
    """Raises InvalidArgumentError where an option is out of its range, the lower bound excluded."""
    if not bound < value <= highest:
        raise wrong_option(name, _shown(value), f"above {bound:g} to {highest:g}")


def wrong_option(
    name: str, given: str, allowed: str, *, reason: str = "OPTION_OUT_OF_RANGE"
) -> InvalidArgumentError:
    """Returns the error about the value of an option."""
    return wrong_field(f"options.{name}", given, allowed, reason=reason, verb="is")


def _conflict(field: str, given: str, allowed: str) -> InvalidArgumentError:
    return wrong_field(field, given, allowed, reason="OPTIONS_CONFLICT", verb="is")


def _shown(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def wrong_field(
    field: str, given: str, allowed: str, *, reason: str, verb: str = "has"
) -> InvalidArgumentError:
    """Returns the error about the value of a field."""
    return InvalidArgumentError(
        f"{field} {verb} {given}; allowed: {allowed}",
        field=field,
        reason=reason,
        given=given,
        allowed=allowed,
    )
