"""The units of a text, each taken to be in one language: sentences, and parts of them.

Within a sentence another language may begin at quotation marks, brackets, marks of clauses and
where the script changes. Knows characters, sentences and placeholders, which are in no language.
Does not know languages.
"""

import functools
import re
from collections.abc import Iterator
from enum import Enum
from itertools import islice, pairwise
from typing import NamedTuple

from dragoman_server.texts import Span, find_placeholders, sentences

RULES = "en"
"""Of sentences, as long as nobody knows the language."""

FEWEST_LETTERS = 8
"""Of a part of a sentence; what has fewer is part of the one before, or after the first."""

NO_LETTER = "0"
"""What stands for each code point of a placeholder."""

_CHINESE = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff66-\uff9f\U00020000-\U0003ffff"
"""Its characters, and kana."""

_HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"

SCRIPTS = (
    "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u1e00-\u1eff",
    "\u0370-\u03ff\u1f00-\u1fff",  # Greek
    "\u0400-\u052f",  # Cyrillic
    "\u0530-\u058f",  # Armenian
    "\u0590-\u05ff",  # Hebrew
    "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefe",  # Arabic
    "\u0900-\u0963\u0966-\u097f",  # Devanagari, without the marks that others have too
    *(f"{chr(block)}-{chr(block + 0x7F)}" for block in range(0x980, 0xF80, 0x80)),  # to Tibetan
    "\u1000-\u109f",  # Burmese
    "\u10a0-\u10ff\u1c90-\u1cbf",  # Georgian
    "\u1200-\u139f",  # Ethiopic
    "\u1780-\u17ff",  # Khmer
    _HANGUL,
    _CHINESE,
)
"""Letters of one script each."""

_ALL = "".join(SCRIPTS)


@functools.cache
def _run() -> re.Pattern[str]:
    """What begins with a letter of a script, up to the next one of another.

    Made when it is first needed, as that takes longer than most of a server's imports.
    """
    return re.compile("|".join(f"[{script}][^{_ALL.replace(script, '')}]*" for script in SCRIPTS))


WIDE = re.compile(f"[{_CHINESE}{_HANGUL}]")
WIDE_LETTERS = 3
"""That a character of a script of syllables or words counts as."""

MARK = re.compile(
    r"[\"“”„‟«»「」『』()\[\]]|[;:,](?=\s)|\s[–—-](?=\s)|[—،؛、，；：।॥]"  # noqa: RUF001
)
"""Where a sentence may go on in another language."""

EDGES = frozenset('"“”„‟«»「」『』()[]–—-')  # noqa: RUF001
"""What is in no part of a sentence where that begins or ends with it, as is white space."""


BREAK = re.compile(r"[\n\r]")


class Border(Enum):
    """What is before a unit."""

    LINE = "a line break"
    SENTENCE = "the end of a sentence"
    MARK = "a mark within a sentence"
    SCRIPT = "a letter of another script"


class Unit(NamedTuple):
    """A part of a text."""

    begin: int
    """Where it is, without quotation marks, brackets and dashes at its ends."""
    end: int
    letters: int
    """How many it has, as those of Latin go: a Chinese character is a word or a syllable."""
    border: Border
    """Before it."""
    sentence: Span
    """That it is, or is part of."""


def without_placeholders(text: str) -> str:
    """Returns a text of the same length with digits for what no translator may touch."""
    parts: list[str] = []
    end = 0
    for found in find_placeholders(text):
        parts += (text[end : found.start], NO_LETTER * (found.end - found.start))
        end = found.end
    return "".join([*parts, text[end:]]) if parts else text


def units(text: str) -> Iterator[Unit]:
    """Yields the units of a text that have letters, in order; takes time linear in its length."""
    end = 0
    for sentence in sentences(text, RULES):
        border = Border.LINE if BREAK.search(text, end, sentence.begin) else Border.SENTENCE
        for part in _parts(text, sentence, border):
            if part.letters:
                begin, last = _bare(text, part.begin, part.end)
                yield part._replace(begin=begin, end=last)
        end = sentence.end


def letters(text: str) -> int:
    """Returns how many letters a text has, as those of Latin go."""
    count = sum(map(str.isalpha, text))
    if not text.isascii():
        count += (WIDE_LETTERS - 1) * len(WIDE.findall(text))
    return count


def _parts(text: str, sentence: Span, border: Border) -> list[Unit]:
    """Returns the parts of a sentence, with what is around them.

    Args:
        text: That has the sentence.
        sentence: Where it is.
        border: Before it.
    """
    cuts = {sentence.begin: border} | _cuts(text, sentence)
    parts: list[Unit] = []
    for begin, end in pairwise([*sorted(cuts), sentence.end]):
        part = Unit(begin, end, letters(text[begin:end]), cuts[begin], sentence)
        if parts and min(part.letters, parts[-1].letters) < FEWEST_LETTERS:
            count = parts[-1].letters + part.letters
            parts[-1] = parts[-1]._replace(end=end, letters=count)
        else:
            parts.append(part)
    return parts


def _cuts(text: str, sentence: Span) -> dict[int, Border]:
    """Returns where another language may begin within a sentence."""
    begin, end = sentence
    cuts = {}
    if not text[begin:end].isascii():
        runs = islice(_run().finditer(text, begin, end), 1, None)
        cuts = dict.fromkeys((run.start() for run in runs), Border.SCRIPT)
    marks = (mark.end() for mark in MARK.finditer(text, begin, end))
    return cuts | dict.fromkeys((at for at in marks if at < end), Border.MARK)


def _bare(text: str, begin: int, end: int) -> Span:
    while begin < end and _is_edge(text[begin]):
        begin += 1
    while begin < end and _is_edge(text[end - 1]):
        end -= 1
    return Span(begin, end)


def _is_edge(character: str) -> bool:
    return character in EDGES or character.isspace()
