"""A message as HTML in which each of its tags is a numbered one, and back.

Whatever a tag is in its format, `**` or `<pc id="1">`, servers get `<g id="0">` and `</g>`, or `<x
id="0"/>` where it has no partner. Does not know formats or servers.
"""

import html
import re
from collections.abc import Sequence
from typing import Literal

from dragoman.documents.marks import DELIMITERS, Mark, set_apart
from dragoman.documents.part import Code, Encode, Part, PlacementError
from dragoman.html_tokens import attributes_of, tokens

_START = re.compile(r"<([^\s/<>!?]+)")
_END = re.compile(r"</([^\s>]+)")
_LINK_START, _LINK_END = "[", ("](", "][")


def tagged(parts: Sequence[Part]) -> str:
    """Returns a message as HTML; white space at its ends is left out."""
    starts = _pairs(parts)
    ends = set(starts.values())
    written = []
    for index, part in enumerate(parts):
        if not _is_tag(part):
            written.append(html.escape(part.text or "", quote=False))
        elif index in starts:
            written.append(f'<g id="{index}">')
        elif index in ends:
            written.append("</g>")
        else:
            written.append(f'<x id="{index}"/>')
    return "".join(written).strip()


def untagged(answer: str, parts: Sequence[Part], encode: Encode) -> str:
    """Returns what an answer says, with the tags of a message, and white space at its ends.

    Args:
        answer: HTML, with the tags of `tagged`.
        parts: The message's.
        encode: Writes text as its format does.

    Raises:
        PlacementError: It has not each tag once, or not nested.
    """
    if answer == tagged(parts):
        return "".join(part.raw for part in parts)
    starts = _pairs(parts)
    missing = {index for index, part in enumerate(parts) if _is_tag(part)}
    written, inside = list[Mark](), list[int]()
    for token in tokens(answer):
        role: Literal["start", "end", "point"] = "point"
        if token.kind == "text":
            text = encode(html.unescape(answer[token.begin : token.end]))
            written.append(Mark(text, "text"))
            continue
        if token.kind == "end" and token.name == "g" and inside:
            index, role = inside.pop(), "end"
        elif token.kind == "start" and token.name in {"g", "x"}:
            index = _number(attributes_of(token).get("id", ""))
            if (token.name == "g") != (index in starts):
                raise PlacementError
            if token.name == "g":
                inside.append(starts[index])
                role = "start"
        else:
            raise PlacementError
        if index not in missing:
            raise PlacementError
        missing.remove(index)
        written.append(Mark(parts[index].raw, role))
    if missing:
        raise PlacementError
    first, last = _edges(parts)
    return f"{first}{set_apart(written)}{last}"


def _pairs(parts: Sequence[Part]) -> dict[int, int]:
    """Returns which tags begin something, each with the one that ends it; pairs are nested."""
    pairs: dict[int, int] = {}
    inside: list[tuple[str, int]] = []
    for index, part in enumerate(parts):
        if not _is_tag(part):
            continue
        starts, ends = _names(part.raw)
        if ends and any(name == ends for name, _ in inside):
            while inside[-1][0] != ends:
                inside.pop()
            pairs[inside.pop()[1]] = index
        elif starts:
            inside.append((starts, index))
    return pairs


def _is_tag(part: Part) -> bool:
    return isinstance(part, Code) and part.text is None


def _names(raw: str) -> tuple[str, str]:
    """Returns what a tag may begin and what it may end; empty where that is nothing."""
    if end := _END.match(raw):
        return "", end[1]
    if (start := _START.match(raw)) and not raw.endswith("/>"):
        return start[1], ""
    if DELIMITERS.fullmatch(raw):
        return raw, raw
    return (raw if raw == _LINK_START else ""), (_LINK_START if raw.startswith(_LINK_END) else "")


def _edges(parts: Sequence[Part]) -> tuple[str, str]:
    """Returns the white space that a message begins and ends with."""
    first, last = parts[0], parts[-1]
    return (
        first.raw if isinstance(first, Code) and first.text == " " else "",
        last.raw if isinstance(last, Code) and last.text == " " and len(parts) > 1 else "",
    )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < len(str(1 << 31)) else -1
