"""What a message is made of: texts, and what stays around them.

Does not know where it stands in a file.
"""

from collections.abc import Callable
from typing import NamedTuple

Encode = Callable[[str], str]
"""Writes a text as the format does, with what it escapes."""


class PlacementError(Exception):
    """A translation cannot stand where it belongs without changing what the file is."""


class Code(NamedTuple):
    """A part of a message that stays as it is."""

    raw: str

    text: str | None = None
    """How it is read, where it is text without a letter: white space, a number; None: a tag."""


class Text(NamedTuple):
    """A part of a message that is translated by itself."""

    raw: str
    """As the file has it."""

    text: str
    """As it is read: on one line, with nothing escaped."""

    lay_out: Callable[[str], str] | None = None
    """Lays a translation out as the text is, where it has lines; may raise PlacementError."""


Part = Code | Text
