"""Words that stand for what the model does not see, and what they stand for put in their places.

Knows strings. Does not know what is put in where a stand-in is lost.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

LIKELY = (47, 79, 14, 17, 49, 39, 78, 87, 12, 71, 18, 69, 31, 81, 85, 36, 46, 72, 82, 83)
"""Numbers after an X that the shipped model copies most often, by `python -m
tests.bench.terminology --stand-ins`: such a word in any place of a sentence in nine of ten. Of
four-digit numbers it copies 4711 as often and most others less; `%s`, `{name}` and `<1>` next to
never."""


class StandIn(NamedTuple):
    """A word of the marked text, for something that the model does not see."""

    name: str
    value: str
    """What the translation has in its place."""
    place: float
    """Where it is in the text, 0 to 1."""
    is_tag: bool = False
    """Whether it keeps its order among others of which this is true."""
    is_term: bool = False
    """Whether it is a term and no placeholder."""
    after_word: bool = False
    """Whether it followed a letter or digit without a space."""
    before_word: bool = False
    """Whether one followed it."""


class Part(NamedTuple):
    """Of a translation."""

    text: str
    is_fixed: bool
    """Whether nothing may be put into it."""


class Restored(NamedTuple):
    """A translation with what stand-ins stand for."""

    parts: list[Part]
    lost: list[StandIn]
    """Those that it does not have."""
    moved: list[StandIn]
    """Those that changed places with others."""


def names_for(text: str) -> Iterator[str]:
    """Yields words that a text does not have, for ever."""
    number = max(LIKELY)
    for likely in LIKELY:
        if (name := f"X{likely}") not in text:
            yield name
    while True:
        number += 1
        if (name := f"X{number}") not in text and number not in LIKELY:
            yield name


class StandIns:
    """Of one text.

    Args:
        stand_ins: From left to right.
    """

    def __init__(self, stand_ins: Sequence[StandIn]) -> None:
        self._by_name = {each.name: each for each in stand_ins}
        self._tags = [each for each in stand_ins if each.is_tag]
        names = "|".join(re.escape(each.name) for each in stand_ins)
        self._pattern = re.compile(rf"(?<![^\W_])(?:{names})(?!\d)") if stand_ins else None

    def faults(self, translated: str) -> int:
        """Returns how many are lost, said twice or have changed their order."""
        if self._pattern is None:
            return 0
        said = self._pattern.findall(translated)
        counts = Counter(said)
        tags = [self._by_name[name] for name in said if self._by_name[name].is_tag]
        return sum(abs(counts[name] - 1) for name in self._by_name) + (
            tags != sorted(tags, key=self._tags.index)
        )

    def restore(self, translated: str) -> Restored:
        """Puts each in its place; one that is said again is dropped there.

        Tags take their places in the order that they had, so that what they enclose is closed.
        """
        if self._pattern is None:
            return Restored([Part(translated, is_fixed=False)], [], [])
        first: dict[str, tuple[int, int]] = {}
        again: list[tuple[int, int]] = []
        for match in self._pattern.finditer(translated):
            if match.group() in first:
                again.append(match.span())
            else:
                first[match.group()] = match.span()
        present = sorted(first, key=lambda name: first[name])
        values = [self._by_name[name] for name in present]
        tags = iter([each for each in self._tags if each.name in first])
        ordered = [next(tags) if each.is_tag else each for each in values]
        lost = [each for name, each in self._by_name.items() if name not in first]
        changed = [new for new, old in zip(ordered, values, strict=True) if new != old]
        placed = [(first[name], each) for name, each in zip(present, ordered, strict=True)]
        dropped: list[tuple[tuple[int, int], StandIn | None]] = [(span, None) for span in again]
        parts = _parts(translated, sorted([*placed, *dropped], key=lambda each: each[0]))
        return Restored(parts, lost, changed)


def _parts(translated: str, places: Sequence[tuple[tuple[int, int], StandIn | None]]) -> list[Part]:
    """Cuts a translation at places, each of which has a stand-in or is dropped."""
    parts: list[Part] = []
    position = 0
    for (start, end), stand_in in places:
        before = translated[position:start]
        position = end
        if stand_in is None or stand_in.after_word:
            before = before.removesuffix(" ")
        parts.append(Part(before, is_fixed=False))
        if stand_in is not None:
            parts.append(Part(stand_in.value, is_fixed=True))
            if stand_in.before_word and translated[position : position + 1] == " ":
                position += 1
    parts.append(Part(translated[position:], is_fixed=False))
    return [part for part in parts if part.text]
