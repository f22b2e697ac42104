"""Messages in ICU's MessageFormat: which texts a plural or a select has, and how they are written.

`{count, plural, one {# file} other {# files}}` has two: its branches. Those of a `selectordinal`
are no texts: `#st` and `#th` are endings of one language. Apostrophes quote as ICU has it. Takes
time linear in the text's length. Does not know what else no translator may touch, nor how anything
is translated.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_DEPTH = 16
"""Of plurals and selects in each other."""

_MARK = re.compile(r"''|'(?=[{}#])(?:[^']++|'')*+'|[{}#]")
_HEAD = re.compile(r"\{\s*+[\w.\-]++\s*+,\s*+(plural|select)\s*+,\s*+(?:offset:\s*+-?\d++\s*+)?")
_SELECTOR = re.compile(r"\s*+(=\d++|[^\s{}'#,=]++)\s*+(?=\{)")
_SPACE = re.compile(r"\s*+")
_SPECIAL = {False: re.compile(r"['{}]+"), True: re.compile(r"['{}#]+")}


class Branch(NamedTuple):
    """A text of a message, from `begin` to before `end`, without white space at its ends."""

    begin: int
    end: int
    has_number: bool
    """Whether `#` in it stands for a number: it is of a plural."""


def branches(text: str) -> list[Branch]:
    """Returns the texts of a message that is one plural or select, white space around it aside.

    A branch that is again one has its own in its place. None where a text is no such message, or is
    wrong, as one without a branch `other`.
    """
    begin = _end_of_space(text, 0)
    if not _HEAD.match(text, begin):
        return []
    ends = _ends(text)
    end = ends.get(begin, 0)
    if _end_of_space(text, end) < len(text):
        return []
    return _branches(text, begin, end, ends, 1) or []


def syntax(branch: str, *, has_number: bool) -> Iterator[tuple[int, int]]:
    """Yields where a branch has anything but text: arguments, what is quoted, `#` for a number."""
    depth = begin = 0
    for mark in _MARK.finditer(branch):
        match mark[0]:
            case "{":
                begin = begin if depth else mark.start()
                depth += 1
            case "}" if depth:
                depth -= 1
                if not depth:
                    yield begin, mark.end()
            case "}" | "''":
                pass
            case each if not depth and (each != "#" or has_number):
                yield mark.span()


def read(text: str) -> str:
    """Returns text of a branch, in which nothing is quoted, as people read it."""
    return text.replace("''", "'")


def written(text: str, *, has_number: bool) -> str:
    """Returns text as it is written in a branch, where all of it is text."""
    return _SPECIAL[has_number].sub(_quoted, text)


def _quoted(special: re.Match[str]) -> str:
    doubled = special[0].replace("'", "''")
    return doubled if not special[0].strip("'") else f"'{doubled}'"


def _ends(text: str) -> dict[int, int]:
    """Returns where each opening brace's pair ends."""
    ends: dict[int, int] = {}
    opened: list[int] = []
    for mark in _MARK.finditer(text):
        if mark[0] == "{":
            opened.append(mark.start())
        elif mark[0] == "}" and opened:
            ends[opened.pop()] = mark.end()
    return ends


def _branches(
    text: str, begin: int, end: int, ends: dict[int, int], depth: int
) -> list[Branch] | None:
    """Returns the texts of the plural or select that is there; None where none is."""
    head = _HEAD.match(text, begin)
    if head is None or depth > MAX_DEPTH:
        return None
    found: list[Branch] = []
    selectors = set()
    at = head.end()
    while selector := _SELECTOR.match(text, at):
        at = ends[selector.end()]
        first, last = selector.end() + 1, at - 1
        found += _texts(text, first, last, ends, depth, has_number=head[1] != "select")
        selectors.add(selector[1])
    is_whole = _end_of_space(text, at) == end - 1 and "other" in selectors
    return found if is_whole else None


def _texts(
    text: str, begin: int, end: int, ends: dict[int, int], depth: int, *, has_number: bool
) -> list[Branch]:
    """Returns the texts of a branch: its own, or those of the plural or select that it is."""
    begin = _end_of_space(text, begin)
    while end > begin and text[end - 1].isspace():
        end -= 1
    if ends.get(begin) == end and (inner := _branches(text, begin, end, ends, depth + 1)):
        return inner
    return [Branch(begin, end, has_number)] if begin < end else []


def _end_of_space(text: str, begin: int) -> int:
    space = _SPACE.match(text, begin)
    assert space is not None
    return space.end()
