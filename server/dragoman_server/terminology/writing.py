"""How texts are written: what in one is no text, and how text stands beside it.

Plain, or as a branch of a message of ICU, where a brace, an apostrophe and a number sign mean
something. Knows strings. Does not know models.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from dragoman.message_format import read, syntax, written
from dragoman_server.texts import Placeholder, find_placeholders


class Writing(NamedTuple):
    """A way to write texts."""

    find: Callable[[str], list[Placeholder]]
    """Returns what no translator may touch, from left to right."""
    read: Callable[[str], str]
    """Returns text as people read it, of what is between."""
    write: Callable[[str], str]
    """Returns such text as it is written."""
    outline: Callable[[str], str]
    """Returns a text as long, which has the sentences of a text."""
    is_plain: bool = False
    """Whether texts are what people read."""


NO_MARKER = "\N{CURRENCY SIGN}"
"""In place of `#` for a number, which would be taken for the mark of a heading."""


def _find(branch: str, *, has_number: bool) -> list[Placeholder]:
    """Returns the placeholders of a branch; those that overlap are one."""
    found = [Placeholder(*span, is_tag=False) for span in syntax(branch, has_number=has_number)]
    merged: list[Placeholder] = []
    for each in sorted([*found, *find_placeholders(branch)]):
        if merged and each.start < merged[-1].end:
            last = merged.pop()
            is_tag = last.is_tag or each.is_tag
            merged.append(Placeholder(last.start, max(last.end, each.end), is_tag))
        else:
            merged.append(each)
    return merged


def _outline(branch: str) -> str:
    return branch.replace("#", NO_MARKER)


PLAIN = Writing(find_placeholders, str, str, str, is_plain=True)

IN_BRANCH = {
    has_number: Writing(
        partial(_find, has_number=has_number),
        read,
        partial(written, has_number=has_number),
        _outline if has_number else str,
    )
    for has_number in (False, True)
}
"""By whether `#` stands for a number."""
