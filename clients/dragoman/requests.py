"""What is asked of the server, and how it is put on the wire.

Knows the request messages and how a long list is cut to the server's limits. Does not know calls
or answers. What is allowed for an option is the server's to say: only what protobuf cannot carry
is refused here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dragoman.errors import FieldViolation, InvalidArgumentError
from dragoman.results import Limits, Model
from dragoman.v1 import translation_pb2 as pb

MAX_TEXT_BYTES = 4_000_000
"""Servers drop a larger message unread, and with it the other texts of its stream."""


@dataclass(frozen=True, slots=True)
class Options:
    """How texts are translated. None takes the model's default."""

    source_language_code: str = ""
    """BCP-47; may be empty where the model has one source language."""

    target_language_code: str = ""
    """BCP-47; may be empty where the model has one target language."""

    model: str = ""
    """May be empty where the server has one model."""

    beam_size: int | None = None
    """Hypotheses kept at each step; 1 is greedy search."""

    max_decoding_length: int | None = None
    """Most target tokens of a translation."""

    min_decoding_length: int | None = None
    """Fewest target tokens of a translation."""

    length_penalty: float | None = None
    """Exponent of the length that beam search divides a hypothesis' log-probability by."""

    return_scores: bool | None = None
    """Whether `Translation.score` is computed."""

    def message(self) -> pb.DecodingOptions:
        """Returns the decoding options as they go on the wire."""
        return pb.DecodingOptions(
            beam_size=self.beam_size,
            max_decoding_length=self.max_decoding_length,
            min_decoding_length=self.min_decoding_length,
            length_penalty=self.length_penalty,
            return_scores=self.return_scores,
        )


class Cut(NamedTuple):
    """How many texts one request may carry."""

    contents: int
    """Texts."""

    code_points: int
    """Code points in all of them together."""


DEFAULT_CUT = Cut(contents=1024, code_points=30_000)
"""The limits of a server that was not told otherwise."""


class Part(NamedTuple):
    """Consecutive texts of a list, for one request."""

    offset: int
    """Position of the first of them in the list."""

    texts: list[str]
    """The texts."""


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


def cut_for(models: Iterable[Model], name: str) -> Cut:
    """Returns how many texts a request to the model `name` may carry."""
    limits = [model.limits for model in models if not name or model.name == name]
    return Cut(
        contents=min(map(_max_contents, limits), default=DEFAULT_CUT.contents),
        code_points=min(map(_max_code_points, limits), default=DEFAULT_CUT.code_points),
    )


def cut_texts(texts: list[str], cut: Cut) -> Iterator[Part]:
    """Yields `texts` in consecutive parts within the limits.

    A text that is over the limit alone makes a part of its own, and no texts make one empty part:
    it is the server that explains what is wrong with them.
    """
    start = code_points = 0
    for index, text in enumerate(texts):
        full = index - start == cut.contents or code_points + len(text) > cut.code_points
        if full and index > start:
            yield Part(start, texts[start:index])
            start, code_points = index, 0
        code_points += len(text)
    yield Part(start, texts[start:])


def unary_request(texts: list[str], options: Options) -> pb.TranslateTextRequest:
    """Returns the request for some texts."""
    return pb.TranslateTextRequest(
        contents=texts,
        source_language_code=options.source_language_code,
        target_language_code=options.target_language_code,
        model=options.model,
        options=options.message(),
    )


def stream_request(index: int, text: str, options: Options) -> pb.StreamTranslateTextRequest:
    """Returns the request for one text of a stream."""
    return pb.StreamTranslateTextRequest(
        id=str(index),
        content=text,
        source_language_code=options.source_language_code,
        target_language_code=options.target_language_code,
        model=options.model,
        options=options.message(),
    )


def _refusal(field: str, description: str, reason: str) -> InvalidArgumentError:
    error = InvalidArgumentError(f"{field} {description}", reason=reason)
    error.violations = (FieldViolation(field, description, reason),)
    return error


def _max_contents(limits: Limits) -> int:
    return limits.max_contents or DEFAULT_CUT.contents


def _max_code_points(limits: Limits) -> int:
    return limits.max_code_points or DEFAULT_CUT.code_points
