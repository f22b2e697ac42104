"""Alignments made by people, and how far others are from them.

Each line of a file is a source, a target and their links, with tabs between them. Words of both
have spaces between them, punctuation too; a link is `1-2` where it is sure and `1p2` where it is
only possible, word 1 of the source and word 2 of the target, counted from 0. Knows texts; does not
know models.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from dragoman.alignment import Span
from dragoman_export.errors import UsageError

Links = frozenset[tuple[int, int]]
"""Words of the source and words of the target."""

_LINK = re.compile(r"([0-9]{1,5})([-p])([0-9]{1,5})")

CLOSING, OPENING = frozenset(",.!?;:%)]}\u201d\u2019…»"), frozenset("([{\u201c„¿¡«")
"""Marks that people write with no space before them, or none behind."""


class GoldPair(NamedTuple):
    """A sentence, its translation, and what in them stands for each other."""

    source: str
    target: str
    source_words: Sequence[Span]
    target_words: Sequence[Span]
    sure: Links
    possible: Links
    """Those that are sure among them."""


def read_gold(path: Path) -> list[GoldPair]:
    """Reads a file; raises UsageError where it is none."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read --alignment-gold {path}: {error}") from error
    pairs = [_read(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line]
    if not any(pair.sure for pair in pairs):
        raise UsageError(f"--alignment-gold {path} has no sure link, such as 0-0")
    return pairs


def _read(line: str, place: str) -> GoldPair:
    columns = line.split("\t")
    if len(columns) != 3:  # noqa: PLR2004 - as the module says
        raise UsageError(
            f"--alignment-gold {place} has {len(columns)} columns; it takes 3 with tabs between "
            "them: source, target, links"
        )
    source, target = (column.split() for column in columns[:2])
    links: dict[str, set[tuple[int, int]]] = {"-": set(), "p": set()}
    for text in columns[2].split():
        match = _LINK.fullmatch(text)
        if match is None or int(match[1]) >= len(source) or int(match[3]) >= len(target):
            raise UsageError(
                f"--alignment-gold {place} has the link {text!r}; allowed: 0-0 or 0p0 to "
                f"{len(source) - 1}-{len(target) - 1}, the words of its sentences"
            )
        links[match[2]].add((int(match[1]), int(match[3])))
    sure = frozenset(links["-"])
    (source_text, source_words), (target_text, target_words) = map(_written, (source, target))
    possible = sure | links["p"]
    return GoldPair(source_text, target_text, source_words, target_words, sure, possible)


def _written(words: Sequence[str]) -> tuple[str, list[Span]]:
    """The words as people write them one after the other, and where they are."""
    text = ""
    spans: list[Span] = []
    for word in words:
        if text and word[0] not in CLOSING and text[-1] not in OPENING:
            text += " "
        spans.append((len(text), len(text) + len(word)))
        text += word
    return text, spans


def error_rate(pairs: Iterable[tuple[GoldPair, Links]]) -> float:
    """How far links are from those made by people: 0, all of them, to 1, none.

    Source: Och and Ney 2003, "A Systematic Comparison of Various Statistical Alignment Models".
    """
    found = sure = right = 0
    for gold, links in pairs:
        found += len(links)
        sure += len(gold.sure)
        right += len(links & gold.sure) + len(links & gold.possible)
    return 1 - right / (found + sure)
