"""The stretches of a text that are in one language each.

Its units are guessed, and those that are unsure, as short ones are, take the language of their
neighbours. Knows how much a unit's guesses count. Does not know which languages are wanted.
"""

import asyncio
import math
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from dragoman_server.detection.choice import Wanted, wanted_code
from dragoman_server.detection.detector import Guess, LanguageDetector
from dragoman_server.detection.path import Path
from dragoman_server.detection.units import Border, Unit, units, without_placeholders

CHANGES = {Border.LINE: 2.0, Border.SENTENCE: 3.0, Border.MARK: 5.0, Border.SCRIPT: 4.0}
"""What a change of language costs: measured, as all here, in docs/performance.md."""

UNWANTED = 1.0
"""What it costs more to be in a language that is not wanted, a unit."""

EACH_LETTER, MOST = 0.35, 10.0
"""What a unit may say against a language: so much a letter, and never more than this."""

FEWEST_GUESSED = 4
"""Of a unit that is guessed: those of fewer say nothing."""

UNITS_AT_ONCE = 32
"""Guessed before others have their turn on the event loop."""


class Stretch(NamedTuple):
    """A part of a text that is in one language."""

    begin: int
    end: int
    language_code: str
    """BCP-47; empty where nothing is known of it."""


async def find_stretches(
    text: str, detector: LanguageDetector, wanted: Wanted | None = None
) -> list[Stretch]:
    """Returns the stretches of a text, in order; none where it has no letters.

    Between them is what stands between sentences: white space, list markers and the like. Around
    those that begin or end within a sentence there may be quotation marks, brackets and dashes.

    Args:
        text: Of any length; the time that it takes is linear in it.
        detector: Guesses.
        wanted: Says which languages are likely; None where all are.
    """
    text = without_placeholders(text)
    path = Path(max(CHANGES.values()))
    found = []
    for index, unit in enumerate(units(text)):
        if index % UNITS_AT_ONCE == UNITS_AT_ONCE - 1:
            await asyncio.sleep(0)
        found.append(unit)
        against, floor = {}, 0.0
        if unit.letters >= FEWEST_GUESSED:
            guesses = detector.guesses(text[unit.begin : unit.end])
            floor = min(MOST, EACH_LETTER * unit.letters) if guesses else 0.0
            against = _against(guesses, floor, wanted)
        path.add(against, floor, CHANGES[unit.border])
    return list(_stretches(found, path.languages()))


def _against(guesses: list[Guess], floor: float, wanted: Wanted | None) -> dict[str, float]:
    against = {}
    for code, confidence in guesses:
        cost = -math.log(confidence) if confidence else floor
        if wanted is not None and wanted_code(code, wanted) is None:
            cost += UNWANTED
        if cost < floor:
            against[code] = cost
    return against


def _stretches(found: list[Unit], codes: list[str]) -> Iterator[Stretch]:
    first = 0
    for code, run in groupby(codes):
        after = first + len(list(run))
        yield Stretch(*_ends(found, first, after), code)
        first = after


def _ends(found: list[Unit], first: int, after: int) -> tuple[int, int]:
    """Returns where some units begin and end, with what their sentences have around them.

    A sentence in which the language changes is left with its quotation marks outside.
    """
    begins, ends = found[first], found[after - 1]
    is_begun = first > 0 and found[first - 1].sentence == begins.sentence
    goes_on = after < len(found) and found[after].sentence == ends.sentence
    is_part = begins.sentence == ends.sentence and (is_begun or goes_on)
    return (
        begins.begin if is_begun or is_part else begins.sentence.begin,
        ends.end if goes_on or is_part else ends.sentence.end,
    )
