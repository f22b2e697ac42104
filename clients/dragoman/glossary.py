"""Terms that go with a request, and files of them.

Knows pairs of strings and tables. Does not know the wire.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from dragoman.arguments import is_sequence, wrong_type

Entries = tuple[tuple[str, str], ...]
"""Source terms and what they become."""

_CODE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")


def as_entries(value: object, field: str) -> Entries:
    """Returns a mapping, or pairs, so that the caller cannot change them meanwhile.

    Raises:
        InvalidArgumentError: It is neither.
    """
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    allowed = "a mapping from str to str"
    if not is_sequence(pairs):
        raise wrong_type(field, allowed, value)
    entries = []
    for pair in cast("list[object]", pairs):
        if not is_sequence(pair) or len(cast("list[object]", pair)) != 2:  # noqa: PLR2004
            raise wrong_type(field, allowed, value)
        source, target = cast("tuple[str, str]", pair)  # checked with all other strings
        entries.append((source, target))
    return tuple(entries)


def read_glossary(path: Path, source: str, target: str) -> Entries:
    """Reads a table as a server's `--glossaries` have it: language codes, then terms, with tabs.

    Args:
        path: The file.
        source: Language of one column; where it is empty that is the first one.
        target: Of the other, likewise the second.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no such table, or has no such columns.
    """
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    codes = [code.strip() for code in lines[0].split("\t")] if lines else []
    if len(codes) < 2 or not all(map(_CODE.fullmatch, codes)):  # noqa: PLR2004
        raise ValueError(f"{path}: the first line must have language codes with tabs between")
    columns = (_column(codes, source, 0, path), _column(codes, target, 1, path))
    entries = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        terms = [term.strip() for term in line.split("\t")]
        if len(terms) != len(codes):
            raise ValueError(f"{path}: line {number} has {len(terms)} columns, not {len(codes)}")
        if terms[columns[0]] and terms[columns[1]]:
            entries.append((terms[columns[0]], terms[columns[1]]))
    return tuple(entries)


def _column(codes: list[str], wanted: str, otherwise: int, path: Path) -> int:
    if not wanted:
        return otherwise
    normal = [code.replace("_", "-").lower() for code in codes]
    code = wanted.replace("_", "-").lower()
    if code in normal:
        return normal.index(code)
    primary = [each.partition("-")[0] for each in normal]
    if primary.count(code.partition("-")[0]) == 1:
        return primary.index(code.partition("-")[0])
    raise ValueError(f"{path} has columns for {', '.join(codes)}, none for {wanted}")
