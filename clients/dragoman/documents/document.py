"""A file as messages with places, and how translations get into their places.

Does not know any format: each makes a Document of its own files.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from dragoman.documents.part import Code, Encode, Part, PlacementError, Text
from dragoman.documents.tagged import tagged, untagged

Place = Callable[[str], "list[Edit]"]
"""Says where the parts of a message, written one after the other, go; may raise PlacementError."""


class DocumentError(Exception):
    """A file is not what its format allows; the text is meant for the user, with the line."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(f"line {line:,}: {problem}" if line else problem)


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

    is_html: bool = False
    """Whether it is translated as one text in HTML, not as several without their tags."""

    @property
    def texts(self) -> list[str]:
        """What is to be translated."""
        if self.is_html:
            return [tagged(self.parts)]
        return [part.text for part in self.parts if isinstance(part, Text)]

    def edits(self, translations: Sequence[str]) -> list[Edit]:
        """Returns what changes in the file, given a translation for each of the texts.

        Raises:
            PlacementError: The translation has not the tags of the message.
        """
        if self.is_html:
            return self.place(untagged(translations[0], self.parts, self.encode))
        remaining = iter(translations)
        return self.place("".join(self._raw(part, remaining) for part in self.parts))

    def _raw(self, part: Part, remaining: Iterator[str]) -> str:
        if isinstance(part, Code):
            return part.raw
        translation = next(remaining)
        if translation == part.text:
            return part.raw
        return self.encode(part.lay_out(translation) if part.lay_out else translation)


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

    @property
    def is_html(self) -> bool:
        """Whether the texts are HTML; all of a document are, or none."""
        return any(message.is_html for message in self.messages)

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
