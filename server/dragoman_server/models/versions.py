"""Names and versions of models: NAME@VERSION, and which version is the newer one.

Pure. Does not know what is loaded.
"""

import re
from typing import NamedTuple

SEPARATOR = "@"

_NUMBER = re.compile(r"(\d+)")


class VersionedName(NamedTuple):
    """What a request or a directory calls a model."""

    name: str
    version: str | None
    """None where nothing is said of it."""

    @classmethod
    def parse(cls, text: str) -> "VersionedName":
        """Reads NAME or NAME@VERSION; an empty version counts as none."""
        name, _, version = text.partition(SEPARATOR)
        return cls(name, version or None)

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name}{SEPARATOR}{self.version}"


def newness(version: str) -> list[tuple[int, int, str]]:
    """Returns what versions are sorted by: numbers as numbers, so that 10 comes after 9."""
    parts = _NUMBER.split(version)
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts if part]
