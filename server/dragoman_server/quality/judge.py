"""All that is wrong with the translation of a sentence.

Knows what is usual between two languages. Does not know where that is from, nor what is done about
what is wrong.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from dragoman.alignment import words_of
from dragoman_server.errors import shorten
from dragoman_server.quality.coverage import uncovered
from dragoman_server.quality.echo import echoed
from dragoman_server.quality.fault import Fault
from dragoman_server.quality.language import Guesser, wrong_language
from dragoman_server.quality.length import LengthNorm
from dragoman_server.quality.repetition import WINDOW, monotonous, repeated
from dragoman_server.quality.script import wrong_script
from dragoman_server.texts import Span, has_words

_Part = TypeVar("_Part", int, str)
"""A token or a word."""

LEAST_TOKENS = 8
"""Of a source that is looked at for what is lost of it."""


class Expected(NamedTuple):
    """What translations between two languages are like."""

    norm: LengthNorm
    script: str
    """Code of the target's, in small letters; empty where that is not known."""
    languages: frozenset[str]
    """Codes that the guesser may have for the target's language; empty where it knows none."""
    by_words: bool
    """Whether what is said again is looked for by words: where tokens are bytes."""
    is_other: bool
    """Whether the source is surely in another language than the target's."""


class Sentence(NamedTuple):
    """A sentence and its translation, as the model was given the one and said the other."""

    source: str
    source_ids: Sequence[int]
    """Without special tokens."""
    target: str
    target_ids: Sequence[int]
    """Likewise."""


class Judge:
    """Of translations between two languages.

    Args:
        expected: What they are like.
        decode: Returns the text of target tokens.
        guesser: Guesses languages; None where nobody does.
    """

    def __init__(
        self,
        expected: Expected,
        decode: Callable[[list[int]], str],
        guesser: Guesser | None = None,
    ) -> None:
        self._expected = expected
        self._decode = decode
        self._guesser = guesser if expected.languages else None

    @property
    def norm(self) -> LengthNorm:
        """How long translations are."""
        return self._expected.norm

    def faults(self, sentence: Sentence) -> tuple[Fault, ...]:
        """Returns what is wrong; nothing mostly. What is lost is `lost`'s to say."""
        found = (
            self._repetition(sentence),
            self._length(sentence),
            self._script(sentence),
            self._language(sentence),
            self._echo(sentence),
        )
        return tuple(fault for fault in found if fault is not None)

    def may_lack(self, source_length: int, target_length: int) -> bool:
        """Whether a translation is so short that it is worth its while to align its words."""
        return source_length >= LEAST_TOKENS and self.norm.is_short(target_length, source_length)

    def lost(
        self,
        source: str,
        target: str,
        weights: NDArray[np.float32],
        source_spans: Sequence[tuple[int, int]],
        target_spans: Sequence[tuple[int, int]],
    ) -> Fault | None:
        """Returns what is lost of a source, by its alignment: see coverage.uncovered."""
        span = uncovered(source, target, weights, source_spans, target_spans)
        if span is None:
            return None
        shown = shorten(source[span.begin : span.end])
        return Fault("SOURCE_NOT_COVERED", f"nothing in the translation stands for {shown}")

    def _repetition(self, sentence: Sentence) -> Fault | None:
        if self._expected.by_words:
            source, target = _words(sentence.source), _words(sentence.target)
            return _repetition(target, source, " ".join)
        return _repetition(sentence.target_ids, sentence.source_ids, self._decode)

    def _length(self, sentence: Sentence) -> Fault | None:
        source, target = len(sentence.source_ids), len(sentence.target_ids)
        least, most = self.norm.bounds(source)
        if least <= target <= most:
            return None
        usual = f"{least} to {most} are plausible for {source} source tokens"
        return Fault("LENGTH_RATIO", f"the translation has {target} tokens, where {usual}")

    def _script(self, sentence: Sentence) -> Fault | None:
        found = wrong_script(sentence.target, sentence.source, self._expected.script)
        return Fault("WRONG_SCRIPT", f"of the translation {found}") if found else None

    def _language(self, sentence: Sentence) -> Fault | None:
        if self._guesser is None:
            return None
        found = wrong_language(sentence.target, self._expected.languages, self._guesser)
        return Fault("WRONG_LANGUAGE", f"the translation is in {found!r}") if found else None

    def _echo(self, sentence: Sentence) -> Fault | None:
        if not self._expected.is_other or not echoed(sentence.target, sentence.source):
            return None
        return Fault("SOURCE_ECHOED", "the translation is the source again, or nearly")


def _repetition(
    target: Sequence[_Part], source: Sequence[_Part], text_of: Callable[[list[_Part]], str]
) -> Fault | None:
    """Returns what a translation says again and again; `text_of` says parts of it."""
    run = repeated(target, source)
    if run is not None:
        said = text_of(list(target[run.begin : run.begin + run.period])).strip()
        if has_words(said, Span(0, len(said))):
            return Fault("REPETITION", f"{shorten(said)} is said {run.times} times in a row")
    fewest = monotonous(target, source)
    if fewest is None:
        return None
    return Fault("REPETITION", f"{WINDOW} tokens in a row are only {fewest} different ones")


def _words(text: str) -> list[str]:
    return [text[begin:end] for begin, end in words_of(text)]
