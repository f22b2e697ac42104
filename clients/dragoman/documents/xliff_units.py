"""A unit of XLIFF as a message: its source's texts, and the target that is written for it.

Knows inline elements and states. Does not know how units are found: that is xliff.py.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from dragoman.documents.document import Edit, Message
from dragoman.documents.part import Code, Part, Text
from dragoman.documents.parts import Lines, flowing, has_letters, has_texts, lines

NAME = r"[^\s/>]+"
TAG = re.compile(rf"<{NAME}(?:[^>\"']|\"[^\"]*+\"|'[^']*+')*+>")
_MARKUP = re.compile(
    r"(<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>|</?" + TAG.pattern[1:] + ")", re.DOTALL
)
_STATE = re.compile(r"\s+state\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_NAME_OF = re.compile(f"<({NAME})")
_PROTECTED = re.compile(r"\s(?:mtype\s*=\s*[\"']protected|translate\s*=\s*[\"']no)\b")
_CDATA = "<![CDATA["
_NATIVE = frozenset(("ph", "bpt", "ept", "it", "cp"))
"""Inline elements whose contents are code of the original."""

TO_BE_TRANSLATED = frozenset({"new", "needs-translation"})
"""States of a target of 1.2 that says no more than its source."""


@dataclass(slots=True)
class Element:
    """An element that is open."""

    name: str
    attributes: dict[str, str]
    begin: int
    """Where its start tag begins."""

    inner: int
    """Where its start tag ends."""

    keeps_space: bool
    is_translated: bool
    """Whether its text is to be."""


@dataclass(slots=True)
class Unit:
    """A trans-unit of 1.2 or a segment of 2.x, as far as it is read."""

    element: Element
    name: str
    source: Element | None = None
    source_end: int = 0
    """Where the source's contents end."""

    after: int = 0
    """Where a new target goes."""

    target: Element | None = None
    target_end: int = 0
    is_done: bool = False
    """Whether the target says something."""


class States(NamedTuple):
    """What is said of a target that a machine wrote."""

    target: str
    segment: str


def message_of(unit: Unit, content: str, states: States, line_of: Lines) -> Message | None:
    """Returns the message of a unit; None where there is nothing to be translated.

    Args:
        unit: The unit, read whole.
        content: The file.
        states: What is said of the target.
        line_of: Lines of the file.
    """
    source = unit.source
    if source is None or unit.is_done or not unit.element.is_translated:
        return None
    raw = content[source.inner : unit.source_end]
    parts = tuple(_parts(raw, keeps_space=source.keeps_space))
    if not has_texts(parts):
        return None

    def place(written: str) -> list[Edit]:
        return [
            *_segment_edits(unit, content, states),
            _target(unit, source, content, written, states),
        ]

    return Message(unit.name, line_of.at(source.begin), parts, _escaped, place, is_html=True)


def local(name: str) -> str:
    """Returns the name of an element without its prefix."""
    return name.rpartition(":")[2]


def _target(unit: Unit, source: Element, content: str, written: str, states: States) -> Edit:
    if unit.target is not None:
        begin, end = unit.target.begin, unit.target_end
        start_tag = content[begin : unit.target.inner].removesuffix(">").removesuffix("/").rstrip()
        name, before = unit.target.name, ""
    else:
        begin = end = unit.after
        name = source.name.replace("source", "target")
        start_tag, before = f"<{name}", _indentation(content, source.begin)
    if states.target:
        start_tag = f'{_STATE.sub("", start_tag)} state="{states.target}"'
    return Edit(begin, end, f"{before}{start_tag}>{written}</{name}>")


def _segment_edits(unit: Unit, content: str, states: States) -> list[Edit]:
    if not states.segment:
        return []
    begin, end = unit.element.begin, unit.element.inner
    start_tag = _STATE.sub("", content[begin : end - 1]).rstrip()
    return [Edit(begin, end, f'{start_tag} state="{states.segment}">')]


def _indentation(content: str, position: int) -> str:
    begin = position
    while content[begin - 1] in " \t\r\n":
        begin -= 1
    return content[begin:position]


def _parts(raw: str, *, keeps_space: bool) -> Iterator[Part]:
    kept = 0  # elements in each other whose contents stay
    for number, piece in enumerate(_MARKUP.split(raw)):
        if number % 2 == 0:
            if kept:
                yield Code(piece)
            else:
                yield from (lines if keeps_space else flowing)(piece, html.unescape)
        elif piece.startswith(_CDATA) and not kept:
            text = " ".join(piece[len(_CDATA) : -len("]]>")].split())
            yield Text(piece, text) if has_letters(text) else Code(piece)
        else:
            yield Code(piece)
            kept += _keeps(piece, inside=kept > 0)


def _keeps(markup: str, *, inside: bool) -> int:
    """Returns 1 for a tag after which all stays, -1 for the end of such a one, else 0."""
    if markup.startswith("</"):
        return -1 if inside else 0
    if markup.startswith(("<!", "<?")) or markup.endswith("/>"):
        return 0
    name = local(_NAME_OF.match(markup)[1])  # type: ignore[index]  # a tag has one
    protected = name == "mrk" and bool(_PROTECTED.search(markup))
    return int(inside or protected or name in _NATIVE)


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)
