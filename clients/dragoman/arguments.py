"""Arguments as callers give them: what cannot be sent is refused here, with the argument's name.

Knows types, and what the wire and gRPC can carry. Which values make sense is the server's to say.
"""

import math
import numbers
import operator
from collections.abc import Sequence

import grpc

from dragoman.errors import FieldViolation, InvalidArgumentError

MAX_SECONDS = 1e9
"""Of a timeout: some thirty years. Beyond it clocks and locks overflow; None is for ever."""

INT32_BITS = 32
INT64_BITS = 64


def refusal(field: str, description: str, reason: str) -> InvalidArgumentError:
    """Returns the error for an argument, by its name and what is wrong with it."""
    error = InvalidArgumentError(f"{field} {description}", reason=reason)
    error.violations = (FieldViolation(field, error.args[0], reason),)
    return error


def wrong_type(field: str, allowed: str, value: object) -> InvalidArgumentError:
    """Returns the error for an argument that is of none of the types allowed."""
    return refusal(field, f"must be {allowed}, not {type(value).__name__}", "WRONG_TYPE")


def utf8_size(text: object, field: str) -> int:
    """Returns how many bytes a string is on the wire.

    Raises:
        InvalidArgumentError: It is no string, or cannot be written in UTF-8.
    """
    if not isinstance(text, str):
        raise wrong_type(field, "str", text)
    try:
        return len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        surrogate = f"U+{ord(text[error.start]):04X}"
        raise refusal(
            field, f"has the lone surrogate {surrogate} at {error.start}", "INVALID_UNICODE"
        ) from None


def as_int(value: object, field: str, bits: int) -> int:
    """Returns an integer that fits in so many bits, its sign counted.

    Raises:
        InvalidArgumentError: It is none, or does not fit.
    """
    if isinstance(value, bool):
        raise wrong_type(field, "int", value)
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # what has none is told below
    except TypeError:
        raise wrong_type(field, "int", value) from None
    end = 1 << (bits - 1)
    if not -end <= number < end:
        raise refusal(
            field, f"is {_shown(number)}; allowed: {-end:,} to {end - 1:,}", "OUT_OF_RANGE"
        )
    return number


def as_float(value: object, field: str) -> float:
    """Returns a number that is finite as a double.

    Raises:
        InvalidArgumentError: It is no number, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise wrong_type(field, "a number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise refusal(field, f"is {number}; allowed: finite numbers", "OUT_OF_RANGE")
    return number


def as_bool(value: object, field: str) -> bool:
    """Returns a bool; raises InvalidArgumentError where it is none."""
    if not isinstance(value, bool):
        raise wrong_type(field, "bool", value)
    return value


def as_seconds(value: object, field: str, *, least: float | None = None) -> float | None:
    """Returns a number of seconds; None, for ever, is left as it is.

    Args:
        value: What was given.
        field: Its name.
        least: What it may be at least; where None, it must be more than 0.

    Raises:
        InvalidArgumentError: It is no number, or none that a clock can count to.
    """
    if value is None:
        return None
    seconds = as_float(value, field)
    low = seconds >= least if least is not None else seconds > 0
    if not low or seconds > MAX_SECONDS:
        bound = "more than 0" if least is None else f"{least:g}"
        raise refusal(
            field,
            f"is {seconds:g}; allowed: {bound} to {MAX_SECONDS:,.0f} seconds, or None",
            "OUT_OF_RANGE",
        )
    return seconds


def as_credentials(value: object) -> grpc.ChannelCredentials | None:
    """Returns credentials, or None; raises InvalidArgumentError where it is neither."""
    if value is not None and not isinstance(value, grpc.ChannelCredentials):
        raise wrong_type("credentials", "grpc.ChannelCredentials or None", value)
    return value


def is_sequence(value: object) -> bool:
    """Whether it is a sequence of items; texts and bytes, which formally are, are not."""
    unlike = str | bytes | bytearray | memoryview
    return isinstance(value, Sequence) and not isinstance(value, unlike)


def _shown(number: int) -> str:
    """Writes a number; one that is too long to read by its length."""
    return f"{number:,}" if number.bit_length() <= 2 * INT64_BITS else "far too large"
