"""Sentences and their translations made by people, out of a file.

Knows lines with a tab. Does not know models.
"""

from pathlib import Path
from typing import NamedTuple

from dragoman_server.calibration.errors import CalibrationError

FEWEST_PAIRS = 100
"""Of fewer, what is found out is mostly chance."""


class Pair(NamedTuple):
    """A sentence and its translation."""

    source: str
    target: str


def read_pairs(path: Path) -> list[Pair]:
    """Reads a file of lines: a sentence, a tab, its translation made by people.

    Raises:
        CalibrationError: It cannot be read, a line is something else, or there are too few.
    """
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CalibrationError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise CalibrationError(f"{path} is not UTF-8: byte {error.start:,} is wrong") from None
    lines = content.removesuffix("\n").split("\n") if content else []
    pairs = [_pair(line, f"{path}, line {number:,}") for number, line in enumerate(lines, 1)]
    if len(pairs) < FEWEST_PAIRS:
        raise CalibrationError(
            f"{path} has {len(pairs)} pairs; allowed: {FEWEST_PAIRS} or more, and 1,000 are better"
        )
    return pairs


def _pair(line: str, place: str) -> Pair:
    sides = [side.strip() for side in line.split("\t")]
    if len(sides) != 2:  # noqa: PLR2004 - the two sides
        raise CalibrationError(
            f"{place} has {len(sides) - 1} tabs; allowed: one, between a sentence and its "
            "translation"
        )
    if not all(sides):
        side = "sentence" if not sides[0] else "translation"
        raise CalibrationError(f"{place} has no {side}")
    return Pair(*sides)
