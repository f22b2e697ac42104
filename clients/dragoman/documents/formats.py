"""The formats: their names, the files that have them, and how each is read.

The one place that knows all of them. Imports a format's module when a file has it, as some need
what the bare package does not bring.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from dragoman.documents.document import Document, DocumentError, Message
from dragoman.texts import MAX_TEXT_BYTES

MAX_BYTES = 1 << 26
"""Of a file: it is held whole, some times over."""

_OTHER_ENCODINGS = (b"\xff\xfe", b"\xfe\xff")
"""How files in UTF-16 and UTF-32 begin."""


class Settings(NamedTuple):
    """What a caller may decide."""

    needs_review: bool = True
    """Whether the file says that its translations need one, in formats that can say it."""

    keys: Sequence[str] = ()
    """Patterns of the keys whose values are translated, in formats that have keys; empty: all."""


class Format(NamedTuple):
    """A format of files."""

    name: str
    suffixes: tuple[str, ...]
    module: str
    takes: tuple[str, ...] = ()
    """The settings that mean something to it."""

    extra: str = ""
    """What the bare package lacks for it."""


FORMATS = {
    each.name: each
    for each in (
        Format("html", (".html", ".htm", ".xhtml"), "html_page"),
        Format("json", (".json", ".arb"), "json_messages", takes=("keys",)),
        Format("markdown", (".md", ".markdown"), "markdown", extra="documents"),
        Format("po", (".po", ".pot"), "po", takes=("needs_review",)),
        Format("srt", (".srt",), "srt"),
        Format("vtt", (".vtt",), "vtt"),
        Format("xliff", (".xliff", ".xlf"), "xliff", takes=("needs_review",)),
        Format("yaml", (".yaml", ".yml"), "yaml_messages", takes=("keys",), extra="documents"),
    )
}


def format_of(path: Path) -> Format | None:
    """Returns the format that a file has by its name; None where it is none of them."""
    suffix = path.suffix.lower()
    return next((each for each in FORMATS.values() if suffix in each.suffixes), None)


def parse(content: bytes, form: Format, settings: Settings) -> Document:
    """Reads a file.

    Raises:
        DocumentError: It is not what the format allows, not in UTF-8, or too large.
        ModuleNotFoundError: What the format's extra brings is not installed.
    """
    module = import_module(f"dragoman.documents.{form.module}")
    options = {name: getattr(settings, name) for name in form.takes}
    document: Document = module.parse(_decoded(content), **options)
    for text, message in zip(document.texts, document.owners, strict=True):
        _check(text, message)
    return document


def _decoded(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise DocumentError(f"has {len(content):,} bytes; allowed: at most {MAX_BYTES:,}")
    if content.startswith(_OTHER_ENCODINGS):
        raise DocumentError("is in UTF-16 or UTF-32, not in UTF-8: `iconv -t UTF-8` converts it")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"is not in UTF-8: has the byte 0x{content[error.start]:02x}"
        raise DocumentError(f"{problem}; `iconv -f ... -t UTF-8` converts it", line) from None


def _check(text: str, message: Message) -> None:
    """Refuses what cannot be sent: JSON and YAML can write what is no text."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        surrogate = f"U+{ord(text[error.start]):04X}"
        raise DocumentError(f"has the lone surrogate {surrogate}", message.line) from None
    if size > MAX_TEXT_BYTES:
        problem = f"has a text of {size:,} bytes; allowed: at most {MAX_TEXT_BYTES:,}"
        raise DocumentError(problem, message.line)
