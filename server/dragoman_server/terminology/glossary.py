"""Glossaries: what a term of one language is to be in another.

Knows entries and languages. Does not know where they come from.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from dragoman_server.terminology.phrases import Phrases


class Entry(NamedTuple):
    """A term and what it becomes."""

    source_term: str
    target_term: str


class Pair(NamedTuple):
    """Codes of two languages, as a bundle has them."""

    source: str
    target: str


class Glossary:
    """Terms in several languages: rows of a table, whose columns are languages.

    Args:
        languages: Codes of the columns, BCP-47.
        rows: Of terms, each as long as there are languages; an empty one is not known.
    """

    def __init__(self, languages: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.languages = tuple(languages)
        self._rows = rows
        self._phrases = lru_cache(maxsize=16)(self._make_phrases)

    def __len__(self) -> int:
        """Returns the number of its rows."""
        return len(self._rows)

    def entries(self, pair: Pair) -> list[Entry] | None:
        """Returns the entries for two languages; None where one of them has no column."""
        source, target = self._column(pair.source), self._column(pair.target)
        if source is None or target is None:
            return None
        entries = (Entry(row[source], row[target]) for row in self._rows)
        return [entry for entry in entries if all(entry)]

    def phrases(self, pair: Pair, *, ignore_case: bool) -> Phrases[str] | None:
        """Likewise, as what finds them in a text."""
        return self._phrases(pair, ignore_case)

    def _make_phrases(self, pair: Pair, ignore_case: bool) -> Phrases[str] | None:
        entries = self.entries(pair)
        return None if entries is None else Phrases(entries, ignore_case=ignore_case)

    def _column(self, code: str) -> int | None:
        """Of a language: the column with its code, else one with the language alone in common."""
        wanted = _normal(code)
        columns = [_normal(language) for language in self.languages]
        if wanted in columns:
            return columns.index(wanted)
        alone = wanted.partition("-")[0]
        of_language = [column.partition("-")[0] for column in columns]
        return of_language.index(alone) if of_language.count(alone) == 1 else None


def _normal(code: str) -> str:
    return code.replace("_", "-").lower()
