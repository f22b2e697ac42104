"""Marks of Markdown, set apart from what they would not stand beside as they are meant.

Two spans of code that touch are one; `**` ends no bold text between a full stop and a letter, nor
does `_` within a word (CommonMark 0.31, 6.2). There a space is put in. Knows characters.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

DELIMITERS = re.compile(r"[*_~]+")
_CODE = "`"


class Mark(NamedTuple):
    """A part of what is written."""

    raw: str

    role: Literal["text", "start", "end", "point"]
    """Text, a tag that begins something, one that ends it, or one without a partner."""

    @property
    def is_delimiter(self) -> bool:
        """Whether it says what it is by what stands beside it."""
        return self.role != "text" and DELIMITERS.fullmatch(self.raw) is not None


def set_apart(parts: Sequence[Mark]) -> str:
    """Returns parts one after the other, with spaces where they are needed."""
    parts = [part for part in parts if part.raw]
    written: list[str] = []
    before = after_code = ""  # the last character; the same where it ends code
    for index, part in enumerate(parts):
        after = parts[index + 1].raw[0] if index + 1 < len(parts) else ""
        is_needed = part.is_delimiter and _is_needed(part, before, after)
        touches_code = part.role == "point" and part.raw[0] == after_code == _CODE
        if (is_needed and part.role == "start") or touches_code:
            written.append(" ")
        written.append(part.raw)
        before, after_code = part.raw[-1], part.raw[-1] if part.role == "point" else ""
        if is_needed and part.role == "end":
            written.append(" ")
            before = " "
    return "".join(written)


def _is_needed(delimiter: Mark, before: str, after: str) -> bool:
    """Whether a delimiter between two characters needs a space on its outer side."""
    inner, outer = (after, before) if delimiter.role == "start" else (before, after)
    return outer.isalnum() and (delimiter.raw[0] == "_" or not inner.isalnum())
