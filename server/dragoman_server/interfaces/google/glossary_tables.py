"""Reads glossaries from the files that Google takes: tables of two languages, or of several.

Knows both forms, as text. Does not know where files are, nor how terms are translated.
"""

import csv
import io
from collections.abc import Callable, Sequence

from dragoman_server.errors import InvalidArgumentError, UnsupportedError, shorten
from dragoman_server.interfaces.google import messages as google
from dragoman_server.service import wrong_field
from dragoman_server.terminology import read_tsv

FIELD = "glossary.input_config.gcs_source.input_uri"

_DELIMITERS = {".csv": ",", ".tsv": "\t"}

_LEAST_LANGUAGES = 2

_NO_LANGUAGES = frozenset({"pos", "description"})
"""Columns of a table of several languages that Google takes, and that say nothing here."""


def table_reader(glossary: google.Message, suffix: str) -> Callable[[bytes], str]:
    """Returns what makes our own table, a line of languages and one for each entry, of a file.

    It raises InvalidArgumentError where the file is no such table.

    Raises:
        InvalidArgumentError: No languages are said, or the file's ending is none of a table.
        UnsupportedError: It is one of a file that Google takes, and this server does not.
    """
    if suffix == ".tmx":
        raise UnsupportedError(f"{FIELD}: TMX is not read here; a table is, .tsv or .csv")
    if suffix not in _DELIMITERS:
        raise _wrong(shorten(suffix), "a name that ends with .tsv or .csv", verb="ends with")
    pair = glossary.language_pair
    if glossary.WhichOneof("languages") == "language_pair":
        languages = [pair.source_language_code, pair.target_language_code]
    else:
        languages = list(glossary.language_codes_set.language_codes)
    if len(languages) < _LEAST_LANGUAGES or not all(languages):
        raise wrong_field(
            "glossary.language_pair",
            "no two languages",
            "two there, or two or more in language_codes_set",
            reason="GLOSSARY_LANGUAGES",
        )
    is_set = glossary.HasField("language_codes_set")

    def read(content: bytes) -> str:
        rows = _rows(content, _DELIMITERS[suffix])
        return _ours(languages, _of_set(languages, rows) if is_set else rows)

    return read


def entry_count(table: str) -> int:
    """Returns the number of entries of our own table."""
    return table.count("\n") - 1


def _rows(content: bytes, delimiter: str) -> list[list[str]]:
    try:
        text = content.decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _wrong(f"no table in UTF-8: {error}", "a table") from None
    return [[" ".join(term.split()) for term in row] for row in rows if any(map(str.strip, row))]


def _of_set(languages: Sequence[str], rows: list[list[str]]) -> list[list[str]]:
    """Returns the rows of a table with a head, each with one column for each language."""
    head = rows[0] if rows else []
    there = [code for code in head if code.lower() not in _NO_LANGUAGES]
    if sorted(there) != sorted(languages):
        given = ", ".join(map(shorten, there[:20])) or "nothing"
        raise _wrong(f"the languages {given} in its first line", ", ".join(languages))
    columns = [head.index(code) for code in languages]
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(head):
            raise _wrong(f"{len(row)} columns in row {number}", f"{len(head)}, as in its first")
    return [[row[column] for column in columns] for row in rows[1:]]


def _ours(languages: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    for number, row in enumerate(rows, 1):
        if len(row) != len(languages):
            raise _wrong(f"{len(row)} columns in row {number}", str(len(languages)))
    table = "".join("\t".join(row) + "\n" for row in (languages, *rows))
    try:
        read_tsv(table.encode())
    except ValueError as error:
        raise _wrong(str(error), "a table as docs/operations.md describes") from None
    return table


def _wrong(given: str, allowed: str, *, verb: str = "has") -> InvalidArgumentError:
    return wrong_field(FIELD, given, allowed, reason="GLOSSARY_MALFORMED", verb=verb)
