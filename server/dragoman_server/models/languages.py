"""Finds the languages that a request means.

Knows the languages of a bundle, each source of which it translates into each target. Does not know
what models call their languages, nor anything of text.
"""

import difflib
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from dragoman.v1.bundle_pb2 import Manifest, SourceLanguage, TargetLanguage
from dragoman_server.errors import MOST_LISTED, InvalidArgumentError, NotFoundError, listed, shorten
from dragoman_server.models.language_codes import canonical, normal, ranges

MAX_CODE_LENGTH = 35
"""Characters of a language code, by BCP-47's own advice (RFC 5646, 4.4.1)."""

MAX_NEAREST = 3
LIKENESS = 0.5
"""Of a code to be named as near, as difflib counts it."""

ANY_LANGUAGE = ("mul", "und")
"""Codes of sources that may be of any language."""

_Language = TypeVar("_Language", SourceLanguage, TargetLanguage)


class Direction(NamedTuple):
    """What is translated into what."""

    source: SourceLanguage
    target: TargetLanguage


class Languages:
    """The languages of a bundle, in tables: a request is looked up whatever their number."""

    def __init__(self, manifest: Manifest) -> None:
        self._sources = _Side("source_language_code", manifest.source_languages)
        self._targets = _Side("target_language_code", manifest.target_languages)

    def find(self, source: str, target: str) -> Direction:
        """Returns the languages that fit the codes best; an empty code fits every language.

        Raises:
            NotFoundError: None fits.
            InvalidArgumentError: A code is too long, or is empty and more than one language fits.
        """
        check_length(source, self._sources.field)
        check_length(target, self._targets.field)
        found = self._sources.find(source, ANY_LANGUAGE)
        found_target = self._targets.find(target)
        if found is None or found_target is None:
            raise NotFoundError(
                f"no language pair from {_shown(source)} to {_shown(target)}: "
                f"{self._sources.told(source)}, {self._targets.told(target)}",
                reason="LANGUAGE_PAIR_NOT_FOUND",
            )
        return Direction(found, found_target)


class _Side(Generic[_Language]):
    """Sources or targets."""

    def __init__(self, field: str, languages: Sequence[_Language]) -> None:
        self.field = field
        self._languages: Sequence[_Language] = languages
        self._by_code: dict[str, _Language] = {
            normal(each.language_code): each for each in languages
        }
        self._spellings = _spellings(each.language_code for each in languages)
        self._word = "from" if field.startswith("source") else "into"

    def find(self, code: str, beside: Iterable[str] = ()) -> _Language | None:
        """Returns the language that fits a code best; those `beside` fit after all others."""
        if not code:
            if len(self._languages) > 1:
                raise self._ambiguous()
            return self._languages[0]
        fitting = (*ranges(code), *beside)
        known = (self._spellings[each] for each in fitting if each in self._spellings)
        found = next(known, None)
        return None if found is None else self._by_code[found]

    def told(self, asked: str) -> str:
        """Returns what there is and, where that is much, what is nearest to what was asked for."""
        nearest: list[str] = []
        if len(self._languages) > MOST_LISTED:
            close = difflib.get_close_matches(normal(asked), self._by_code, MAX_NEAREST, LIKENESS)
            nearest = [self._by_code[each].language_code for each in close]
        like = f", the nearest {' or '.join(nearest)}" if nearest else ""
        return f"it translates {self._word} {self._listed()}{like}"

    def _listed(self) -> str:
        return listed([each.language_code for each in self._languages])

    def _ambiguous(self) -> InvalidArgumentError:
        return InvalidArgumentError(
            f"{self.field} is empty, which is allowed only where there is one language; "
            f"this model translates {self._word} {self._listed()}",
            field=self.field,
            reason="LANGUAGE_REQUIRED",
            allowed=self._listed(),
        )


def check_length(code: str, field: str) -> None:
    """Raises InvalidArgumentError where a code is longer than codes are."""
    if len(code) > MAX_CODE_LENGTH:
        given, allowed = f"{len(code)} characters", f"at most {MAX_CODE_LENGTH}"
        raise InvalidArgumentError(
            f"{field} has {given}; allowed: {allowed}",
            field=field,
            reason="LANGUAGE_CODE_TOO_LONG",
            given=given,
            allowed=allowed,
        )


def _spellings(codes: Iterable[str]) -> dict[str, str]:
    """Returns every spelling by which a language is known: its own, else its canonical one."""
    own = {normal(code): normal(code) for code in codes}
    return {canonical(code): code for code in reversed(own)} | own


def _shown(code: str) -> str:
    return shorten(code) if code else "any language"
