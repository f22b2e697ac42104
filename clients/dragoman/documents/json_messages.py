"""Messages in JSON: the strings that are values.

Knows where strings stand; that all of it is JSON, the standard library says. Keys, numbers, white
space and order stay.
"""

import fnmatch
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dragoman.documents.document import Document, DocumentError, Edit, Message
from dragoman.documents.parts import Lines, has_texts, lines

MAX_DEPTH = 200
"""Of objects and arrays in each other: messages have a few, and Python's parser has a limit."""

_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{},:]', re.DOTALL)


@dataclass(slots=True)
class _Level:
    """An object or an array that is open."""

    is_object: bool
    name: str = "0"
    """Key or index of the value that comes next."""

    awaits_value: bool = False
    """Whether it is an object, and the key is read."""


def parse(content: str, keys: Sequence[str]) -> Document:
    """Finds the messages.

    Args:
        content: The file.
        keys: Patterns of the paths of values to be translated, such as `errors.*`; empty: all.

    Raises:
        DocumentError: It is not JSON.
    """
    line_of = Lines(content)
    body = content.removeprefix("\ufeff")
    _check(body, line_of)
    ascii_only = body.isascii() and "\\u" in body
    messages = []
    for path, begin, end in _strings(content, line_of):
        if not is_selected(path, keys):
            continue
        value = json.loads(content[begin:end])
        parts = lines(value)
        if has_texts(parts):
            place = _Literal(begin, end, value, ascii_only).place
            messages.append(Message(path, line_of.at(begin), parts, str, place))
    return Document(content, tuple(messages))


def is_selected(path: str, keys: Sequence[str]) -> bool:
    """Whether a value is to be translated, by the keys that lead to it."""
    return not keys or any(fnmatch.fnmatchcase(path, pattern) for pattern in keys)


class _Literal:
    """Where the literal of a value stands."""

    def __init__(self, begin: int, end: int, value: str, ascii_only: bool) -> None:
        self._span = (begin, end)
        self._value = value
        self._ascii_only = ascii_only

    def place(self, value: str) -> list[Edit]:
        """See Message."""
        if value == self._value:
            return []
        return [Edit(*self._span, json.dumps(value, ensure_ascii=self._ascii_only))]


def _check(body: str, line_of: Lines) -> None:
    try:
        json.loads(body)
    except json.JSONDecodeError as error:
        raise DocumentError(f"is not JSON: {error.msg}", error.lineno) from None
    except RecursionError:
        for _ in _strings(body, line_of):
            pass
        raise


def _strings(content: str, line_of: Lines) -> Iterator[tuple[str, int, int]]:
    """Yields the path of each string that is a value, and where its literal begins and ends."""
    levels = [_Level(is_object=False)]  # the last value of all is alone in its level
    for match in _TOKEN.finditer(content):
        mark, level = match[0], levels[-1]
        if mark in "[{":
            if len(levels) > MAX_DEPTH:
                problem = f"has more than {MAX_DEPTH} objects and arrays in each other"
                raise DocumentError(problem, line_of.at(match.start()))
            levels.append(_Level(is_object=mark == "{"))
        elif mark in "]}":
            levels.pop()
        elif mark == ":":
            level.awaits_value = True
        elif mark == ",":
            level.awaits_value = False
            level.name = level.name if level.is_object else str(int(level.name) + 1)
        elif level.is_object and not level.awaits_value:
            level.name = json.loads(mark)
        else:
            yield ".".join(each.name for each in levels[1:]), *match.span()
