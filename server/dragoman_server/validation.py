"""Says what is wrong with a request's texts and options: the field, what it has, what is allowed.

Does not know tokens beyond their number, nor how anything is translated.
"""

from collections.abc import Sequence

from dragoman.v1.translation_pb2 import DecodingOptions, Limits
from dragoman_server.errors import InvalidArgumentError, NotFoundError
from dragoman_server.sequence import TranslationOptions

MAX_SHOWN = 40

LENGTH_PENALTY_BOUND = 10
"""A length to a higher power leaves the range of float32."""


def shorten(name: str) -> str:
    """Returns a name that a client sent, quoted and short enough for a status message."""
    return repr(name if len(name) <= MAX_SHOWN else name[:MAX_SHOWN] + "...")


def check_model(asked: str, existing: str) -> None:
    """Raises NotFoundError where the model asked for is not the one that exists."""
    if asked not in ("", existing):
        raise NotFoundError(
            f"no model {shorten(asked)}: there is {existing!r}", reason="MODEL_NOT_FOUND"
        )


def check_contents(contents: Sequence[str], limits: Limits) -> None:
    """Checks the number of texts and what is in them.

    Raises:
        InvalidArgumentError: There are none or too many, or one holds a NUL.
    """
    if not 1 <= len(contents) <= limits.max_contents:
        raise _wrong(
            "contents",
            f"{len(contents)} texts",
            f"1 to {limits.max_contents}",
            reason="NO_CONTENTS" if not contents else "TOO_MANY_CONTENTS",
        )
    check_code_points(contents, "contents", limits)
    for index, text in enumerate(contents):
        check_characters(text, f"contents[{index}]")


def check_code_points(texts: Sequence[str], field: str, limits: Limits) -> None:
    """Raises InvalidArgumentError where the texts together are too long."""
    count = sum(map(len, texts))
    if count > limits.max_code_points:
        raise _wrong(
            field,
            f"{count} code points",
            f"at most {limits.max_code_points}",
            reason="TOO_MANY_CODE_POINTS",
        )


def check_characters(text: str, field: str) -> None:
    """Raises InvalidArgumentError where the text holds a NUL, which no text does on purpose."""
    position = text.find("\0")
    if position >= 0:
        raise _wrong(
            field,
            f"a NUL character at code point {position}",
            "text without NUL characters",
            reason="NUL_CHARACTER",
        )


def check_source_length(count: int, field: str, limits: Limits) -> None:
    """Raises InvalidArgumentError where a text has more source tokens than the model takes."""
    if count > limits.max_input_length:
        raise _wrong(
            field,
            f"{count} source tokens",
            f"at most {limits.max_input_length}",
            reason="TEXT_TOO_LONG",
        )


def decoding_options(
    options: DecodingOptions, limits: Limits, *, default_max_decoding_length: int
) -> TranslationOptions:
    """Returns the options, with the model's defaults where they are absent.

    Raises:
        InvalidArgumentError: One is out of range.
    """
    beam_size = options.beam_size if options.HasField("beam_size") else 1
    _check_range("beam_size", beam_size, 1, limits.max_beam_size)
    longest = default_max_decoding_length
    if options.HasField("max_decoding_length"):
        longest = options.max_decoding_length
    _check_range("max_decoding_length", longest, 1, limits.max_decoding_length)
    _check_range("min_decoding_length", options.min_decoding_length, 0, longest)
    length_penalty = options.length_penalty if options.HasField("length_penalty") else 1.0
    _check_range("length_penalty", length_penalty, -LENGTH_PENALTY_BOUND, LENGTH_PENALTY_BOUND)
    return TranslationOptions(
        max_decoding_length=longest,
        min_decoding_length=options.min_decoding_length,
        beam_size=beam_size,
        return_scores=options.return_scores if options.HasField("return_scores") else True,
        length_penalty=length_penalty,
    )


def _check_range(name: str, value: float, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise _wrong(
            f"options.{name}",
            f"{value:g}" if isinstance(value, float) else str(value),
            f"{lowest} to {highest}",
            reason="OPTION_OUT_OF_RANGE",
            verb="is",
        )


def _wrong(
    field: str, given: str, allowed: str, *, reason: str, verb: str = "has"
) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"{field} {verb} {given}; allowed: {allowed}",
        field=field,
        reason=reason,
        given=given,
        allowed=allowed,
    )
