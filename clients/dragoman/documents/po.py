"""Messages of gettext: entries of .po and .pot files whose translation is empty.

Headers, comments, entries that are translated or obsolete, and the fuzzy ones' suggestions stay.
The syntax is gettext's own (its manual, "The Format of PO Files"): libraries that read it write all
of a file anew, with line breaks of their own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from dragoman.documents.document import Document, DocumentError, Edit, Message
from dragoman.documents.part import Code
from dragoman.documents.parts import has_texts, lines

LINE_WIDTH = 79
"""Columns after which gettext's tools break lines."""

ID_LENGTH = 40
"""Characters of an entry that are shown as its name."""

_STRING = re.compile(r'[ \t]*"((?:[^"\\\n]|\\.)*+)"')
_KEYWORD = re.compile(r"[ \t]*(msgctxt|msgid|msgid_plural|msgstr(?:\[\d+\])?)(?=[ \t]*\")")
_PIECE = re.compile(r"[^\n]*\n|[^\n]+")
"""A line with its end."""

_WORD = re.compile(r"\s*\S+\s*|\s+")
_CHARSET = re.compile(r"charset=([\w.:-]+)", re.IGNORECASE)
_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9a-fA-F]+|.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_ESCAPED = {"\\": "\\\\", '"': '\\"'} | {char: f"\\{name}" for name, char in _ESCAPES.items()}
_ESCAPED_TABLE = str.maketrans(_ESCAPED)
_PLURAL = Code("\0")
"""Between singular and plural; no string has it."""


class _Field(NamedTuple):
    """A keyword and its string."""

    value: str
    line: int
    begin: int
    """Of the line."""

    string: int
    """Where what follows the keyword begins."""

    end: int
    """After the last quote."""


@dataclass(slots=True)
class _Entry:
    """An entry as far as it is read."""

    fields: dict[str, _Field] = field(default_factory=dict)
    flags: tuple[int, str] | None = None
    """Where its line `#,` begins, and what it says."""

    @property
    def is_whole(self) -> bool:
        """Whether no other keyword than one more msgstr can follow."""
        return any(name.startswith("msgstr") for name in self.fields)


def parse(content: str, *, needs_review: bool) -> Document:
    """Finds the messages.

    Args:
        content: The file.
        needs_review: Whether entries that are filled are marked as fuzzy, which keeps programs
            from using them until somebody has seen them.

    Raises:
        DocumentError: It is none of gettext's files, or not in UTF-8.
    """
    messages = []
    for entry in _entries(content):
        identifier = entry.fields.get("msgid")
        if identifier is None:
            continue
        if not identifier.value and "msgctxt" not in entry.fields:
            _check_charset(entry)
        elif message := _message(entry, identifier, content, needs_review=needs_review):
            messages.append(message)
    return Document(content, tuple(messages))


def _message(
    entry: _Entry, identifier: _Field, content: str, *, needs_review: bool
) -> Message | None:
    slots = [(name, slot) for name, slot in entry.fields.items() if name.startswith("msgstr")]
    if any(slot.value for _, slot in slots):
        return None
    parts = lines(identifier.value)
    plural = entry.fields.get("msgid_plural")
    if plural is not None:
        parts = (*parts, _PLURAL, *lines(plural.value))
    if not has_texts(parts):
        return None
    line_end = "\r\n" if content.startswith("\r", identifier.end) else "\n"

    def place(joined: str) -> list[Edit]:
        singular, _, plural = joined.partition(_PLURAL.raw)
        first_is_plural = len(slots) == 1 and bool(plural)
        edits = [] if not needs_review else _fuzzy(entry, line_end)
        for number, (name, slot) in enumerate(slots):
            text = plural if plural and (number or first_is_plural) else singular
            edits.append(Edit(slot.string, slot.end, _strings(text, len(name), line_end)))
        return edits

    shown = identifier.value.split("\n")[0][:ID_LENGTH]
    return Message(f'"{shown}"', identifier.line, parts, str, place)


def _fuzzy(entry: _Entry, line_end: str) -> list[Edit]:
    if entry.flags is None:
        begin = min(each.begin for each in entry.fields.values())
        return [Edit(begin, begin, f"#, fuzzy{line_end}")]
    begin, flags = entry.flags
    if "fuzzy" in re.split(r"[,\s]+", flags):
        return []
    return [Edit(begin + 2, begin + 2, " fuzzy,")]


def _entries(content: str) -> Iterator[_Entry]:
    entry = _Entry()
    name = ""
    start = int(content.startswith("\ufeff"))
    for number, match in enumerate(_PIECE.finditer(content, start), start=1):
        line = match[0]
        begin, bare = match.start(), line.strip()
        keyword = _KEYWORD.match(line)
        starts = bare.startswith("#") or (keyword and keyword[1] in {"msgctxt", "msgid"})
        if not bare or (starts and (entry.is_whole or (keyword and keyword[1] in entry.fields))):
            yield entry
            entry, name = _Entry(), ""
        if bare.startswith("#,"):
            entry.flags = (begin + line.index("#"), bare[2:])
        elif bare and not bare.startswith("#"):
            name = keyword[1] if keyword else name
            if not name or (keyword is None and not bare.startswith('"')):
                raise DocumentError(
                    "is neither a comment nor `msgid`, `msgstr` or a string", number
                )
            _add(entry, name, match, keyword.end() if keyword else None, number)
    yield entry


def _add(
    entry: _Entry, name: str, line: re.Match[str], after_keyword: int | None, number: int
) -> None:
    """Adds a line to an entry; raises DocumentError where it is not strings to its end."""
    text, value, position = line[0], "", after_keyword or 0
    while string := _STRING.match(text, position):
        value += _ESCAPE.sub(_unescaped, string[1])
        position = string.end()
    if text[position:].strip():
        raise DocumentError("has a string without an end, or something after its end", number)
    end = line.start() + position
    if after_keyword is None:
        earlier = entry.fields[name]
        entry.fields[name] = earlier._replace(value=earlier.value + value, end=end)
    elif name in entry.fields:
        raise DocumentError(f"is a second {name} of one entry", number)
    else:
        start = line.start() + after_keyword
        entry.fields[name] = _Field(value, number, line.start(), start, end)


def _check_charset(header: _Entry) -> None:
    fields = header.fields.get("msgstr")
    charset = _CHARSET.search(fields.value) if fields else None
    if fields and charset and charset[1].lower() not in {"utf-8", "utf8", "charset"}:
        raise DocumentError(
            f"says that the file is in {charset[1]}: `msgconv -t UTF-8` converts it", fields.line
        )


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] in "01234567":
        return chr(int(code, 8))
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:][-2:], 16))
    return _ESCAPES.get(code, code)


def _strings(text: str, begin: int, line_end: str) -> str:
    """Writes what follows a keyword of `begin` columns, broken where gettext breaks it."""
    pieces = [piece.translate(_ESCAPED_TABLE) for piece in _PIECE.findall(text)]
    if len(pieces) == 1 and begin + len(pieces[0]) + len(' ""') <= LINE_WIDTH:
        return f' "{pieces[0]}"'
    rows = [""]
    for piece in pieces:
        rows.append("")
        for word in _WORD.findall(piece):
            if rows[-1] and len(rows[-1]) + len(word.rstrip()) + len('""') > LINE_WIDTH:
                rows.append("")
            rows[-1] += word
    return " " + line_end.join(f'"{row}"' for row in rows)
