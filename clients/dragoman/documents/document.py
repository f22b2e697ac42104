"""A file as messages with places, and how translations get into their places.

Does not know any format: each makes a Document of its own files.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

Place = Callable[[str], "list[Edit]"]
"""Says where the parts of a message, written one after the other, go; may raise PlacementError."""

Encode = Callable[[str], str]
"""Writes a text as the format does, with what it escapes."""


class DocumentError(Exception):
    """A file is not what its format allows; the text is meant for the user, with the line."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(f"line {line:,}: {problem}" if line else problem)


class PlacementError(Exception):
    """A translation cannot stand where it belongs without changing what the file is."""


class Code(NamedTuple):
    """A part of a message that stays as it is: a tag, a line break, white space, a number."""

    raw: str


class Text(NamedTuple):
    """A part of a message that is translated by itself."""

    raw: str
    """As the file has it."""

    text: str
    """As it is read: on one line, with nothing escaped."""


Part = Code | Text


class Edit(NamedTuple):
    """Characters `begin` to `end` of the file become `replacement`."""

    begin: int
    end: int
    replacement: str


@dataclass(frozen=True, slots=True)
class Message:
    """What is translated or left out as a whole: a paragraph, a subtitle, an entry."""

    id: str
    """What people call it: a key, the number of a subtitle, the first words of an entry."""

    line: int
    """Where it begins, from 1."""

    parts: tuple[Part, ...]
    """All of it, in order."""

    encode: Encode
    """Writes a translated text in the place of Text.raw."""

    place: Place

    @property
    def texts(self) -> list[str]:
        """What is to be translated."""
        return [part.text for part in self.parts if isinstance(part, Text)]

    def edits(self, translations: Sequence[str]) -> list[Edit]:
        """Returns what changes in the file, given a translation for each of the texts."""
        remaining = iter(translations)
        return self.place("".join(self._raw(part, remaining) for part in self.parts))

    def _raw(self, part: Part, remaining: Iterator[str]) -> str:
        if isinstance(part, Code):
            return part.raw
        translation = next(remaining)
        return part.raw if translation == part.text else self.encode(translation)


class Written(NamedTuple):
    """A file with translations in it."""

    content: bytes
    """In UTF-8."""

    kept: tuple[Message, ...]
    """What is as it was, as its translation cannot stand there."""


@dataclass(frozen=True)
class Document:
    """A file and its messages."""

    content: str
    """All of it, line ends and byte order mark as they are."""

    messages: tuple[Message, ...]
    """In order; their edits do not overlap."""

    @cached_property
    def texts(self) -> list[str]:
        """What is to be translated, of all messages in order: each on one line."""
        return [text for message in self.messages for text in message.texts]

    @cached_property
    def owners(self) -> list[Message]:
        """For each of the texts, the message that it is of."""
        return [message for message in self.messages for _ in message.texts]

    def write(self, translations: Sequence[str]) -> Written:
        """Returns the file with the translations in it.

        Args:
            translations: One for each of `texts`, on one line; empty where there is none, which
                leaves all of its message as it is.
        """
        edits: list[Edit] = []
        kept: list[Message] = []
        start = 0
        for message in self.messages:
            end = start + len(message.texts)
            given = [translation.strip() for translation in translations[start:end]]
            if all(given):
                try:
                    edits += message.edits(given)
                except PlacementError:
                    kept.append(message)
            start = end
        return Written(_apply(self.content, edits).encode(), tuple(kept))


def _apply(content: str, edits: list[Edit]) -> str:
    written = []
    position = 0
    for edit in sorted(edits):
        assert position <= edit.begin <= edit.end
        written += [content[position : edit.begin], edit.replacement]
        position = edit.end
    return "".join([*written, content[position:]])
