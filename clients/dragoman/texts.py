"""Texts as callers give them: what cannot be sent is refused here.

Everything else that may be wrong with a text is the server's to say.
"""

from collections.abc import Sequence

from dragoman.errors import FieldViolation, InvalidArgumentError

MAX_TEXT_BYTES = 4_000_000
"""Servers drop a larger message unread, and with it the other texts of its stream."""


def as_texts(texts: str | Sequence[str]) -> list[str]:
    """Returns the texts of a call as a list that the caller cannot change meanwhile.

    Raises:
        TypeError: They are not a string or a sequence of strings.
        InvalidArgumentError: One of them cannot be written in UTF-8, or is far too long.
    """
    if isinstance(texts, str):
        texts = [texts]
    elif not isinstance(texts, Sequence):
        raise TypeError(
            f"translate takes a str or a sequence of str, not {type(texts).__name__}; "
            "translate_stream takes any iterable"
        )
    for index, text in enumerate(texts):
        check_text(text, f"contents[{index}]")
    return list(texts)


def reject_single_text(texts: object) -> None:
    """Refuses a string where an iterable of strings is meant, which it formally is.

    Raises:
        TypeError: `texts` is a string.
    """
    if isinstance(texts, str):
        raise TypeError("translate_stream takes an iterable of str; translate takes a single str")


def check_text(text: str, field: str) -> None:
    """Raises what is wrong with a text that cannot even be sent.

    Raises:
        TypeError: It is not a string.
        InvalidArgumentError: It cannot be written in UTF-8, or is far too long.
    """
    if not isinstance(text, str):
        raise TypeError(f"{field} must be str, not {type(text).__name__}")
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        surrogate = f"U+{ord(text[error.start]):04X}"
        raise _refusal(
            field, f"has the lone surrogate {surrogate} at {error.start}", "INVALID_UNICODE"
        ) from None
    if size > MAX_TEXT_BYTES:
        raise _refusal(
            field, f"has {size:,} bytes; allowed: at most {MAX_TEXT_BYTES:,}", "TEXT_TOO_LONG"
        )


def _refusal(field: str, description: str, reason: str) -> InvalidArgumentError:
    error = InvalidArgumentError(f"{field} {description}", reason=reason)
    error.violations = (FieldViolation(field, description, reason),)
    return error
