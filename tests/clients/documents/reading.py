"""Documents of tests, and translations that are hard to write."""

import html
import re
from collections.abc import Callable

from dragoman.documents.document import Document
from dragoman.documents.formats import FORMATS, Settings, parse
from dragoman.documents.part import Text
from dragoman.documents.parts import has_letters, lines

Translate = Callable[[str], str]


def read(name: str, content: str | bytes, settings: Settings | None = None) -> Document:
    encoded = content.encode() if isinstance(content, str) else content
    return parse(encoded, FORMATS[name], settings or Settings())


def louder(text: str) -> str:
    """Another text, in the way of a translation."""
    return text.upper()


def hostile(text: str) -> str:
    """A translation that has what every format gives a meaning."""
    marks = """<b> & "q" 'r' \\ * _x_ [z](u) `c`: # | - --> {a} ~~s~~ &amp; 1. %s ]]>"""
    return f"{text.upper()} {marks} 日本"


def words(document: Document) -> list[str]:
    """The texts of a document between its tags."""
    return [
        part.text
        for message in document.messages
        for part in message.parts
        if isinstance(part, Text)
    ]


def translations(document: Document, translate: Translate) -> list[str]:
    """Each text translated, its tags where they were."""
    if not document.is_html:
        return [translate(text) for text in document.texts]
    return [_between_tags(text, translate) for text in document.texts]


def _between_tags(text: str, translate: Translate) -> str:
    pieces = re.split(r"(\s*<[^<>]*>\s*)", text)
    return "".join(
        html.escape(translate(html.unescape(piece)))
        if has_letters(piece) and index % 2 == 0
        else piece
        for index, piece in enumerate(pieces)
    )


def written(document: Document, translate: Translate) -> str:
    return document.write(translations(document, translate)).content.decode()


def kept(document: Document, translate: Translate) -> int:
    return len(document.write(translations(document, translate)).kept)


def by_lines(value: str, translate: Translate) -> str:
    """What becomes of a value whose lines are translated."""
    return "".join(
        translate(part.text) if isinstance(part, Text) else part.raw for part in lines(value)
    )


def check_identity(name: str, content: str | bytes, settings: Settings | None = None) -> Document:
    """Checks that a file is the same with nothing translated, and returns it."""
    document = read(name, content, settings)
    encoded = content.encode() if isinstance(content, str) else content
    assert document.write([""] * len(document.texts)).content == encoded
    return document
