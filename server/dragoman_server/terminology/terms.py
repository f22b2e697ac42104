"""Marks the texts of a request: which of their parts are placeholders, kept as they are, or terms.

Where two would overlap a placeholder goes first, then a phrase that is kept, then a term. Knows
what a request wants of all its texts. Does not know how texts are decoded.
"""

from collections.abc import Sequence
from copy import copy
from typing import NamedTuple, Self

from dragoman.message_format import branches
from dragoman_server.terminology.marked import Marked, Term
from dragoman_server.terminology.phrases import Phrases
from dragoman_server.terminology.stand_ins import StandIn, names_for
from dragoman_server.terminology.voice import Voice
from dragoman_server.terminology.writing import IN_BRANCH, PLAIN, Writing
from dragoman_server.texts import inside_element

MAX_TERM_LENGTH = 200
"""Code points of a phrase or term: looking for them takes so many times the text at worst."""


class Place(NamedTuple):
    """A part of a text that is marked."""

    start: int
    end: int
    value: str
    hidden: bool
    """Whether the model must not see it."""
    is_tag: bool
    is_soft: bool
    is_term: bool

    def is_of(self, text: str) -> bool:
        """Whether it stays as it is written in its text."""
        return self.value == text[self.start : self.end]


class Terminology:
    """What a request wants of the words of its texts.

    Attributes:
        writing: How the texts are written.

    Args:
        voice: What the model can say.
        protects: Whether placeholders are kept.
        kept: Phrases that stay as they are.
        glossaries: Terms and what they become, the first one that has a term counts.
        is_soft: Whether terms may be inflected.
    """

    def __init__(
        self,
        voice: Voice,
        *,
        protects: bool,
        kept: Sequence[str] = (),
        glossaries: Sequence[Phrases[str]] = (),
        is_soft: bool = False,
    ) -> None:
        self._voice = voice
        self._protects = protects
        self._kept = Phrases((phrase, phrase) for phrase in kept)
        self._glossaries = glossaries
        self._is_soft = is_soft
        self.writing = PLAIN

    def parts(self, text: str) -> list["Part"]:
        """Returns the parts of a text that are texts of their own; mostly none.

        Where placeholders are kept, of a message of ICU its branches, of an element what is in it.
        """
        if not self._protects:
            return []
        parts = [
            Part(branch.begin, branch.end, self.in_branch(has_number=branch.has_number))
            for branch in branches(text)
        ]
        if not parts and (span := inside_element(text)) is not None:
            parts.append(Part(*span, self))
        return parts

    def in_branch(self, *, has_number: bool) -> Self:
        """Returns what is wanted of the words of a branch, in which all is marked."""
        own = copy(self)
        own.writing = IN_BRANCH[has_number]
        return own

    def mark(self, text: str) -> Marked | None:
        """Returns what the model is given of a text; None where there is nothing to mark."""
        spans, writing = self.find(text), self.writing
        if not spans and writing.is_plain:
            return None
        names = names_for(text)
        marked: list[str] = []
        between: list[str] = []
        as_it_is: list[str] = []
        stand_ins: list[StandIn] = []
        position = 0
        for span in spans:
            if not span.hidden:
                continue
            stand_in = _stand_in(next(names), span, text, writing)
            stand_ins.append(stand_in)
            between.append(text[position : span.start])
            marked += [writing.read(between[-1]), " " * stand_in.after_word, stand_in.name]
            marked.append(" " * stand_in.before_word)
            as_it_is += [between[-1], stand_in.value]
            position = span.end
        terms = [_term(span, text, writing) for span in spans if not span.hidden]
        between.append(text[position:])
        marked.append(writing.read(between[-1]))
        is_known = not terms and not any(map(str.isalnum, "".join(between)))
        return Marked(
            "".join(marked),
            stand_ins,
            terms,
            self._voice,
            as_it_is="".join([*as_it_is, between[-1]]) if is_known else None,
            write=None if writing.is_plain else writing.write,
        )

    def find(self, text: str) -> list[Place]:
        """Returns what is to be marked, from left to right."""
        spans = _adjoined(text, self.writing) if self._protects else []
        taken = bytearray(len(text))
        for span in spans:
            taken[span.start : span.end] = b"\1" * (span.end - span.start)
        for phrases, is_soft in [
            (self._kept, False),
            *((g, self._is_soft) for g in self._glossaries),
        ]:
            for start, end, value in phrases.find(text):
                if any(taken[start:end]):
                    continue
                taken[start:end] = b"\1" * (end - start)
                soft = is_soft and bool(self._voice.inflect(value.split()[0]))
                hidden = not soft and not self._voice.say(value)
                spans.append(Place(start, end, value, hidden, False, soft, True))
        return sorted(spans)


class Part(NamedTuple):
    """A part of a text that is a text of its own."""

    begin: int
    end: int
    terminology: Terminology
    """What is wanted of its words."""


def _stand_in(name: str, span: Place, text: str, writing: Writing) -> StandIn:
    return StandIn(
        name,
        span.value if span.is_of(text) else writing.write(span.value),
        span.start / len(text),
        span.is_tag,
        span.is_term,
        after_word=text[max(0, span.start - 1) : span.start].isalnum(),
        before_word=text[span.end : span.end + 1].isalnum(),
    )


def _term(span: Place, text: str, writing: Writing) -> Term:
    value = writing.read(span.value) if span.is_of(text) else span.value
    return Term(value, span.start / len(text), span.is_soft)


def _adjoined(text: str, writing: Writing) -> list[Place]:
    """Returns a text's placeholders; those without anything between them are one."""
    spans: list[Place] = []
    for start, end, is_tag in writing.find(text):
        if spans and spans[-1].end == start:
            last = spans.pop()
            start, is_tag = last.start, is_tag or last.is_tag  # noqa: PLW2901
        spans.append(Place(start, end, text[start:end], True, is_tag, False, False))
    return spans
