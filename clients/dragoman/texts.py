"""Texts as callers give them: what cannot be sent is refused here.

Everything else that may be wrong with a text is the server's to say.
"""

from collections.abc import AsyncIterable, Iterable, Iterator, Sequence
from typing import Protocol, cast

from dragoman.arguments import is_sequence, refusal, utf8_size, wrong_type

MAX_TEXT_BYTES = 4_000_000
"""Servers drop a larger message unread, and with it the other texts of its stream."""


class Texts(Protocol):
    """A sequence of str that is not itself a str, which formally is one.

    A str only says whether it contains another str: so it is none of these to a type checker, and
    `str | list[str]` is known to give a translation or a list.
    """

    def __contains__(self, value: object, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def __getitem__(self, index: int, /) -> str: ...


def as_texts(texts: object) -> list[str]:
    """Returns the texts of a call as a list that the caller cannot change meanwhile.

    Raises:
        InvalidArgumentError: They are not a string or a sequence of strings, or one of them cannot
            be sent.
    """
    if isinstance(texts, str):
        texts = [texts]
    elif not is_sequence(texts):
        raise wrong_type(
            "texts", "a str or a sequence of str (translate_stream takes any iterable)", texts
        )
    taken = list(cast("Sequence[str]", texts))
    for index, text in enumerate(taken):
        check_text(text, f"contents[{index}]")
    return taken


def as_targets(codes: object) -> tuple[str, ...]:
    """Returns the codes of several languages.

    Raises:
        InvalidArgumentError: They are no sequence of strings, there are none, or one cannot be
            sent.
    """
    field = "target_language_codes"
    if not is_sequence(codes):
        raise wrong_type(field, "a sequence of str (translate takes a single str)", codes)
    taken = tuple(cast("Sequence[str]", codes))
    if not taken:
        raise refusal(field, "has no codes; allowed: at least one", "LANGUAGE_REQUIRED")
    for index, code in enumerate(taken):
        check_text(code, f"{field}[{index}]")
    return taken


def check_iterable(texts: object, *, or_async: bool) -> None:
    """Refuses what cannot be iterated over, and a single text where several are meant.

    Raises:
        InvalidArgumentError: `texts` is no iterable of strings.
    """
    if isinstance(texts, str):
        raise wrong_type("texts", "an iterable of str (translate takes a single str)", texts)
    if isinstance(texts, AsyncIterable) and not or_async:
        raise wrong_type("texts", "an iterable of str (AsyncClient takes asynchronous ones)", texts)
    iterable = isinstance(texts, Iterable | AsyncIterable) or hasattr(texts, "__getitem__")
    if not iterable or isinstance(texts, bytes | bytearray | memoryview):
        raise wrong_type("texts", "an iterable of str", texts)


def check_text(text: object, field: str) -> None:
    """Raises what is wrong with a text that cannot even be sent.

    Raises:
        InvalidArgumentError: It is no string, cannot be written in UTF-8, or is far too long.
    """
    size = utf8_size(text, field)
    if size > MAX_TEXT_BYTES:
        raise refusal(
            field, f"has {size:,} bytes; allowed: at most {MAX_TEXT_BYTES:,}", "TEXT_TOO_LONG"
        )
