"""Words of a text, and the text of words, by Moses' rules.

Source: Koehn et al. 2007, "Moses: Open Source Toolkit for Statistical Machine Translation", in the
port of sacremoses; what is normalised, and in which order, is as in transformers' `FSMTTokenizer`.
Knows languages and punctuation; does not know pieces or ids.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from sacremoses import MosesDetokenizer, MosesPunctNormalizer, MosesTokenizer

NO_LANGUAGE = ""
"""Has the rules of none."""


class Splitter:
    """Cuts words out of texts of one language."""

    def __init__(self, language: str, *, normalize_punctuation: bool, lower_case: bool) -> None:
        """Prepares the rules.

        Args:
            language: As Moses names it; another has no rules of its own.
            normalize_punctuation: Whether punctuation is written in ASCII as far as it can be, and
                what cannot be printed is taken out.
            lower_case: Whether a text is written in lower case before all else.
        """
        self._normalizer = None
        if normalize_punctuation:
            self._normalizer = _QuickNormalizer(language)
        self._lower_case = lower_case
        self._tokenizer = _QuickTokenizer(language)

    def split(self, text: str) -> list[str]:
        """Returns the words; `<`, `>`, `&` and the like are escaped in them, as in XML."""
        if self._lower_case:
            text = text.lower()
        if self._normalizer is not None:
            text = "".join(filter(_is_printed, self._normalizer.normalize(text)))
        words: list[str] = self._tokenizer.tokenize(text, aggressive_dash_splits=True)
        return words


class Joiner:
    """Puts words of one language together."""

    def __init__(self, language: str) -> None:
        """Prepares the rules of a language as Moses names it."""
        self._detokenizer = MosesDetokenizer(language)
        self._plain = MosesDetokenizer(NO_LANGUAGE)

    def join(self, words: Sequence[str]) -> str:
        """Returns the text, what is escaped in the words written out."""
        try:
            text: str = self._detokenizer.detokenize(words)
        except TypeError:  # sacremoses trips over its own rule for Czech dashes
            text = self._plain.detokenize(words)
        return text


class _QuickNormalizer(MosesPunctNormalizer):  # type: ignore[misc] # sacremoses is untyped
    """The same punctuation; its time does not grow with the square of a run of dots."""

    SLOW = r'(\.+)"(\s*[^<])'
    QUICK = re.compile(r'(\.++)(?:"(\s*[^<]))?')
    """Dots and what may follow them, looked at from the first of them alone."""

    def __init__(self, language: str) -> None:
        super().__init__(language, pre_replace_unicode_punct=True)
        rules: list[tuple[Any, Any]] = vars(self)["substitutions"]
        self.substitutions = [
            (self.QUICK, _quote_before_dots) if pattern == self.SLOW else (pattern, replacement)
            for pattern, replacement in rules
        ]


def _quote_before_dots(match: re.Match[str]) -> str:
    dots, after = match.groups()
    return dots if after is None else f'"{dots}{after}'


class _QuickTokenizer(MosesTokenizer):  # type: ignore[misc] # sacremoses is untyped
    """The same words; it does not make sets of all letters anew for every word with a dot.

    Nor does its time grow with the square of a run of its own marks for dots.
    """

    MARKS = re.compile(r"((?:DOT)++)(MULTI)?")

    def __init__(self, language: str) -> None:
        super().__init__(language)
        self._letters = frozenset(self.IsAlpha)
        self._small_letters = frozenset(self.IsLower)
        for name in ("NONBREAKING_PREFIXES", "NUMERIC_ONLY_PREFIXES"):
            setattr(self, name, frozenset(getattr(self, name)))

    def islower(self, text: str) -> bool:
        return self._small_letters.issuperset(text)

    def isanyalpha(self, text: str) -> bool:
        return not self._letters.isdisjoint(text)

    def restore_multidots(self, text: str) -> str:
        return self.MARKS.sub(_dots, text)


def _dots(match: re.Match[str]) -> str:
    marks, end = match.groups()
    return match[0] if end is None else "." * (len(marks) // len("DOT"))


def _is_printed(character: str) -> bool:
    return not unicodedata.category(character).startswith("C")
