"""`dragoman translate` of a file with a format: texts as the lines of a job, and the file again.

Knows flags and outputs. Does not know formats: that is dragoman.documents.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from dragoman.commands.errors import CommandError
from dragoman.commands.journal import Earlier, Problem
from dragoman.commands.lines import Line, shortened
from dragoman.commands.output import Compose
from dragoman.commands.source import STANDARD, Source
from dragoman.documents.document import Document, DocumentError, Message
from dragoman.documents.formats import FORMATS, Format, Settings, format_of, parse

LINES = "lines"
"""The format of files that have none."""

_FLAGS = {"keys": "--key", "needs_review": "--needs-review"}


def add_format_options(group: argparse._ArgumentGroup) -> None:
    """Adds the format of the file, and what formats leave open."""
    add = group.add_argument
    add(
        "--format",
        choices=[LINES, *FORMATS],
        help="of the input; default: what the name of --input ends with, or else lines",
    )
    add(
        "--key",
        action="append",
        metavar="PATTERN",
        help="json and yaml: translate the values of these keys alone, such as 'errors.*'; may be "
        "given again and again; default: all",
    )
    add(
        "--needs-review",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="po and xliff: mark translations as fuzzy or as in need of review; default: yes",
    )


def given_format(arguments: argparse.Namespace) -> Format | None:
    """Returns the format of the input; None where it is lines."""
    if arguments.format is not None:
        return FORMATS.get(arguments.format)
    return format_of(arguments.input) if arguments.input else None


def format_problem(arguments: argparse.Namespace) -> str:
    """Returns what is wrong with the flags that are about documents; empty if nothing is."""
    if arguments.text and arguments.format not in {None, LINES}:
        return f"--format {arguments.format} is about a file: give no TEXT"
    form = given_format(arguments)
    for setting, flag in _FLAGS.items():
        if _given(arguments, setting) is not None and not (form and setting in form.takes):
            able = ", ".join(name for name, each in FORMATS.items() if setting in each.takes)
            return f"{flag} is about files of these formats: {able}"
    if form and arguments.mime_type:
        return "--mime-type is about lines and TEXTs: a file's format says what its texts are"
    if form and arguments.num_hypotheses > 1:
        return f"--num-hypotheses is about lines: a file of the format {form.name} has one of each"
    return ""


def open_document(arguments: argparse.Namespace, form: Format) -> Document:
    """Reads the file that the command line names.

    Raises:
        CommandError: It is not what its format allows.
        OSError: It cannot be read.
    """
    path: Path | None = arguments.input
    settings = Settings(
        needs_review=arguments.needs_review is not False, keys=tuple(arguments.key or ())
    )
    if path is not None and path != STANDARD:
        content, name = path.read_bytes(), str(path)
    elif sys.stdin is None:
        raise CommandError("standard input is closed: give --input FILE")
    else:
        content, name = sys.stdin.buffer.read(), "standard input"
    try:
        return parse(content, form, settings)
    except DocumentError as error:
        raise CommandError(f"{name}: {error}") from None
    except ModuleNotFoundError:
        install = f"pip install 'dragoman[{form.extra}]'"
        raise CommandError(f"the format {form.name} needs `{install}`") from None


def source_of(document: Document, arguments: argparse.Namespace, form: Format) -> Source:
    """Returns the texts of a document as lines."""
    identity: dict[str, object] = {
        "format": form.name,
        "settings": {name: _given(arguments, name) for name in form.takes},
        "sha256": hashlib.sha256(document.content.encode()).hexdigest(),
    }
    can_be_read_again = arguments.input not in {None, STANDARD}
    return Source(
        map(Line, document.texts), len(document.texts), identity if can_be_read_again else None
    )


def _given(arguments: argparse.Namespace, setting: str) -> object:
    return arguments.key if setting == "keys" else arguments.needs_review


class TextNames:
    """What the texts of a document are called."""

    noun = "texts"

    def __init__(self, document: Document) -> None:
        self._owners = document.owners

    def one(self, number: int) -> str:
        """Returns the name of a text, by its number from 1."""
        message = self._owners[number - 1]
        return f"{message.id} (line {message.line:,})"

    def many(self, numbers: Iterable[int]) -> str:
        """Returns the names of some texts."""
        return shortened([self.one(number) for number in numbers])


class Composer:
    """Makes a document of the translations of its texts, one a line, and says what it could not."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._kept: tuple[Message, ...] = ()

    def __call__(self, lines: bytes) -> bytes:
        """See Compose."""
        content, self._kept = self._document.write(lines.decode().split("\n")[:-1])
        return content

    def report(self) -> int:
        """Says what stays as it was, and returns how many messages that are."""
        for message in self._kept:
            sys.stderr.write(
                f"dragoman translate: {message.id} (line {message.line:,}): stays as it is, since "
                "its translation would change the structure of the file\n"
            )
        return len(self._kept)


class FormattedStream:
    """Standard output, or a pipe, which gets the document once it is whole."""

    def __init__(self, stream: BinaryIO, compose: Compose) -> None:
        self.earlier = Earlier()
        self._stream = stream
        self._compose = compose
        self._lines: list[bytes] = []

    def write(self, lines: Sequence[bytes], number: int, problem: Problem | None) -> None:
        """See Output."""
        del number, problem
        self._lines += lines

    def finish(self) -> None:
        """See Output."""
        self._stream.write(self._compose(b"".join(self._lines)))
        self._stream.flush()

    def leave(self) -> str:
        """See Output."""
        return "nothing is written"
