"""A text whose placeholders and terms are known: what the model is given, and what must come of it.

A placeholder is replaced by a stand-in, a word that models copy, and is put in its place again when
the translation is there. Terms stay in the text, unless the model cannot say what they become.
Knows one text. Does not know how phrases are found, nor how anything is decoded.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

from dragoman_server.errors import shorten
from dragoman_server.sequence import RequiredSequence
from dragoman_server.terminology.phrases import Phrases
from dragoman_server.terminology.stand_ins import Part, StandIn, StandIns
from dragoman_server.terminology.voice import Voice, folded, stem_of

_WORDS = re.compile(r"\w+")


class Term(NamedTuple):
    """What a part of the text becomes."""

    value: str
    place: float
    """As of a StandIn."""
    is_soft: bool
    """Whether it may be inflected."""


class Warned(NamedTuple):
    """What did not go as it should, for the caller."""

    reason: Literal["PLACEHOLDER_MOVED", "TERM_MOVED", "TERM_MISSING"]
    message: str


class Settled(NamedTuple):
    """A translation that has everything that it must have."""

    text: str
    warnings: list[Warned]


class Marked:
    """A text with placeholders or terms.

    Args:
        text: The text as the model is given it.
        stand_ins: That are in it, from left to right.
        terms: That are in it, likewise.
        voice: What the model can say.
        as_it_is: The translation, where it is known whatever the model says.
        write: Returns what the model says as it is written; None: it is written as it is.
    """

    def __init__(
        self,
        text: str,
        stand_ins: Sequence[StandIn],
        terms: Sequence[Term],
        voice: Voice,
        *,
        as_it_is: str | None = None,
        write: Callable[[str], str] | None = None,
    ) -> None:
        self.text = text
        self.hides = bool(stand_ins) or write is not None
        """Whether a translation that is not settled shows what is not to be seen."""
        self.as_it_is = as_it_is
        self._stand_ins = stand_ins
        self._terms = [term for term in terms if not term.is_soft]
        self._soft = [term for term in terms if term.is_soft]
        self._voice = voice
        self._write = write
        self._restored = StandIns(stand_ins)

    def required(self) -> tuple[RequiredSequence, ...]:
        """Returns what the model must say, as far as it can."""
        voice = self._voice
        wanted = [
            *((voice.say(each.name), True, True) for each in self._stand_ins),
            *((voice.say(each.value), True, False) for each in self._terms),
            *((voice.inflect(word), False, False) for word in self._soft_words()),
        ]
        return tuple(
            RequiredSequence(alternatives, is_whole=whole, is_only=only)
            for alternatives, whole, only in wanted
            if alternatives
        )

    def faults(self, translated: str) -> int:
        """Returns how often a translation that is not settled lacks something or has it twice."""
        if self.as_it_is is not None:
            return 0
        lost = sum(1 for _ in self._missing(translated)) + len(self._missing_stems(translated))
        return lost + self._restored.faults(translated)

    def settle(self, translated: str) -> Settled:
        """Returns a translation with all that it must have: what is lost is put in by its place."""
        if self.as_it_is is not None:
            return Settled(self.as_it_is, [])
        restored = self._restored.restore(translated)
        warnings = [_warned(each, _CHANGED) for each in restored.moved]
        parts = restored.parts
        write = self._write
        if write is not None:
            parts = [
                part if part.is_fixed else part._replace(text=write(part.text)) for part in parts
            ]
        for term in self._missing(translated):
            _insert(parts, write(term.value) if write else term.value, term.place)
            warnings.append(Warned("TERM_MOVED", _PUT_BACK.format(shorten(term.value))))
        for stand_in in restored.lost:
            _insert(parts, stand_in.value, stand_in.place)
            warnings.append(_warned(stand_in, _PUT_BACK))
        warnings += [
            Warned("TERM_MISSING", f"the translation has no form of {shorten(value)}")
            for value in self._missing_stems(translated)
        ]
        return Settled("".join(part.text for part in parts), warnings)

    def _missing(self, translated: str) -> Iterator[Term]:
        """Yields the terms that a translation lacks."""
        if not self._terms:
            return
        said = Counter(found.value for found in self._wanted.find(translated))
        for term in self._terms:
            said[term.value] -= 1
            if said[term.value] < 0:
                yield term

    @cached_property
    def _wanted(self) -> Phrases[str]:
        return Phrases((term.value, term.value) for term in self._terms)

    def _soft_words(self) -> list[str]:
        return [word for term in self._soft for word in _WORDS.findall(term.value)]

    def _missing_stems(self, translated: str) -> list[str]:
        """Returns the words of which a translation has no form, or too few."""
        if not self._soft:
            return []
        words = _WORDS.findall(folded(translated))
        missing = []
        for word, times in Counter(self._soft_words()).items():
            stem = stem_of(word)
            if sum(each.startswith(stem) for each in words) < times:
                missing.append(word)
        return missing


_PUT_BACK = "{} was lost in the translation and put in where it stands in the text"
_CHANGED = "{} changed places with another tag"


def _warned(stand_in: StandIn, message: str) -> Warned:
    reason: Literal["TERM_MOVED", "PLACEHOLDER_MOVED"]
    reason = "TERM_MOVED" if stand_in.is_term else "PLACEHOLDER_MOVED"
    return Warned(reason, message.format(shorten(stand_in.value)))


def _insert(parts: list[Part], value: str, place: float) -> None:
    """Puts a value between two words, as near to a place as there are any."""
    wanted = place * sum(len(part.text) for part in parts)
    best, best_distance = (0, 0), float("inf")
    begin = 0
    for index, part in enumerate(parts):
        gaps = [] if part.is_fixed else [m.start() for m in re.finditer(" ", part.text)]
        edges = [0] * (index == 0) + [len(part.text)] * (index == len(parts) - 1)
        for gap in (*gaps, *edges):
            if (distance := abs(begin + gap - wanted)) < best_distance:
                best, best_distance = (index, gap), distance
        begin += len(part.text)
    if not parts:
        parts.append(Part(value, is_fixed=True))
        return
    index, gap = best
    part = parts[index]
    left, right = part._replace(text=part.text[:gap]), part._replace(text=part.text[gap:])
    before = "".join(each.text for each in parts[:index]) + left.text
    after = right.text + "".join(each.text for each in parts[index + 1 :])
    put = " " * (bool(before) and not before.endswith(" ")) + value
    put += " " * (bool(after) and not after.startswith(" "))
    cut = [left, Part(put, is_fixed=True), right]
    parts[index : index + 1] = [each for each in cut if each.text]
