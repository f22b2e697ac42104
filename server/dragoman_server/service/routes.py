"""Finds what translates a request: a model, two through a third language, or what each text needs.

Knows which languages the models of a catalog have together. Does not know how they are guessed,
nor how anything is translated.
"""

import functools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dragoman.v1.translation_pb2 import TranslateTextRequest
from dragoman_server.detection import LanguageDetector
from dragoman_server.errors import InvalidArgumentError, NotFoundError, PreconditionError, shorten
from dragoman_server.models import check_length
from dragoman_server.service.caching import CachingTranslator
from dragoman_server.service.candidates import Candidates
from dragoman_server.service.catalog import MOST_FOUND, Allowed, Catalog, Request
from dragoman_server.service.detecting import DetectingTranslator
from dragoman_server.service.marking_up import MarkupTranslator
from dragoman_server.service.mixing import MixingTranslator
from dragoman_server.service.pivoting import PivotingTranslator
from dragoman_server.service.route import CallRoute, Route
from dragoman_server.service.sentence_cache import SentenceCache
from dragoman_server.service.targets import TargetsTranslator
from dragoman_server.service.translator import Translator
from dragoman_server.service.validation import HTML, check_mixed_languages, read_mime_type


class _Legs(NamedTuple):
    """The two models of a way through a third language."""

    first: Translator
    second: Translator


class Routes:
    """Ways through the models of a catalog.

    Args:
        catalog: What is served.
        detector: Guesses the language of texts that come without; None where nobody does.
        pivot_languages: To translate through where a request names none.
        cache: Keeps translations; None where none are kept.
    """

    def __init__(
        self,
        catalog: Catalog,
        detector: LanguageDetector | None = None,
        pivot_languages: Sequence[str] = (),
        cache: SentenceCache | None = None,
    ) -> None:
        self._catalog = catalog
        self._detector = detector
        self._pivot_languages = pivot_languages
        self._cache = cache
        self._candidates: dict[tuple[str, str, str, Allowed], Candidates] = {}
        self.changed()

    def changed(self) -> None:
        """What is served has changed, and so has what can be translated."""
        self._candidates = {}
        if self._cache is not None:
            self._cache.serve(translator for translator, _ in self._catalog.entries)

    async def drop_kept(self) -> None:
        """Drops translations that are kept of what is not served any more."""
        if self._cache is not None:
            await self._cache.drop_others()

    def find_for_call(self, request: TranslateTextRequest, allowed: Allowed = None) -> CallRoute:
        """Returns what translates a call's texts, into one language or into several.

        Raises:
            InvalidArgumentError: As TargetsTranslator.
            DragomanError: As `find`, of any of the languages.
        """
        entries = self._catalog.entries
        if not (request.target_language_codes and entries):
            return self.find(request, allowed)
        limits = entries[0].translator.limits  # those of texts are the same for all models
        return TargetsTranslator(request, functools.partial(self.find, allowed=allowed), limits)

    def find(self, request: Request, allowed: Allowed = None) -> Route:
        """Returns what translates a request.

        Raises:
            NotFoundError, InvalidArgumentError, UnavailableError: As Catalog.find, or the pivot
                language or mixed_languages does not go with the rest.
            PreconditionError: Texts are in several languages, and nobody detects them.
        """
        if request.pivot_language_code:
            _check_pivot(request)
        if request.mixed_languages:
            return self._of_mixed_languages(request, allowed)
        is_html = bool(request.mime_type) and read_mime_type(request.mime_type) == HTML
        if self._detector is not None and not request.source_language_code:
            candidates = self._of_any_language(request, allowed)
            if len(candidates.codes) > 1:
                find = functools.partial(self.find, allowed=allowed)
                return DetectingTranslator(self._detector, candidates, find, is_html=is_html)
        if is_html:
            return MarkupTranslator(functools.partial(self._of_one_language, request, allowed))
        return self._of_one_language(request, allowed)

    def _of_mixed_languages(self, request: Request, allowed: Allowed) -> Route:
        """Returns what translates each stretch of a text from its own language."""
        check_mixed_languages(request)
        if self._detector is None:
            raise PreconditionError(
                "mixed_languages needs a server that was started with detect_languages",
                reason="DETECTION_OFF",
            )
        candidates = self._of_any_language(request, allowed)
        if not candidates.translators:
            return self._of_one_language(request, allowed)  # which says what is missing
        target = request.target_language_code or candidates.only_target()
        find = functools.partial(self.find, allowed=allowed)
        return MixingTranslator(self._detector, candidates, target, find)

    def _of_one_language(
        self, request: Request, allowed: Allowed
    ) -> Translator | CachingTranslator | PivotingTranslator:
        """Returns what translates plain texts of a request that says all that is needed."""
        try:
            translator = self._catalog.find(request, allowed)
        except NotFoundError as error:
            if error.reason != "LANGUAGE_PAIR_NOT_FOUND":
                raise
            pivoting = self._pivoting(request, allowed)
            if pivoting is None:
                raise self._without_pivot(request, error) from None
            return pivoting
        return translator if self._cache is None else CachingTranslator(self._cache, translator)

    def _pivots(self, request: Request) -> Sequence[str]:
        if request.model:
            return ()
        pivot = request.pivot_language_code
        return (pivot,) if pivot else self._pivot_languages

    def _pivoting(self, request: Request, allowed: Allowed) -> PivotingTranslator | None:
        source, target = request.source_language_code, request.target_language_code
        if not source or not target:
            return None
        for pivot in self._pivots(request):
            if (legs := self._legs(source, pivot, target, allowed)) is not None:
                find_second = functools.partial(self._second, pivot, target, allowed, legs.second)
                return PivotingTranslator(pivot, legs.first, legs.second, find_second)
        return None

    def _legs(self, source: str, pivot: str, target: str, allowed: Allowed) -> _Legs | None:
        first = self._direct(source, pivot, allowed)
        second = self._direct(pivot, target, allowed) if first is not None else None
        return None if first is None or second is None else _Legs(first, second)

    def _direct(self, source: str, target: str, allowed: Allowed) -> Translator | None:
        """Returns the first by name of the models that translate a pair."""
        for translator in self._catalog.default_translators(allowed):
            if translator.translates(source, target):
                return translator
        return None

    def _second(self, pivot: str, target: str, allowed: Allowed, before: Translator) -> Translator:
        """Returns the second model of a way once its turn comes: it may have been replaced."""
        if before in self._catalog:
            return before
        if (second := self._direct(pivot, target, allowed)) is None:
            raise NotFoundError(
                f"no model translates from {shorten(pivot)} to {shorten(target)} any more",
                reason="LANGUAGE_PAIR_NOT_FOUND",
            )
        return second

    def _without_pivot(self, request: Request, error: NotFoundError) -> NotFoundError:
        if not request.pivot_language_code:
            return error
        pivot = shorten(request.pivot_language_code)
        return NotFoundError(f"{error}; nor do two through {pivot}", reason=error.reason)

    def _of_any_language(self, request: Request, allowed: Allowed) -> Candidates:
        """Returns what texts may be in that a request says nothing of."""
        target, pivot = request.target_language_code, request.pivot_language_code
        key = (request.model, target, pivot, allowed)
        if (candidates := self._candidates.get(key)) is None:
            candidates = self._find_candidates(request, allowed)
            if len(self._candidates) >= MOST_FOUND:
                self._candidates.clear()
            self._candidates[key] = candidates
        return candidates

    def _find_candidates(self, request: Request, allowed: Allowed) -> Candidates:
        target = request.target_language_code
        if request.model:
            translators = [self._catalog.find(request, allowed)]
        else:
            translators = self._catalog.default_translators(allowed)
        last = [each for each in translators if each.translates("", target)]
        pivots = [
            pivot
            for pivot in self._pivots(request)
            if target and any(each.translates(pivot, target) for each in last)
        ]
        first = [
            each for each in translators if any(each.translates("", pivot) for pivot in pivots)
        ]
        codes = tuple(
            dict.fromkeys(
                code for each in (*last, *first) for code in each.model.source_language_codes
            )
        )
        known: dict[str, str | None] = {}  # no more than a detector has languages

        def wanted(guess: str) -> str | None:
            if guess not in known:
                fits = any(each.translates(guess, target) for each in last) or any(
                    each.translates(guess, pivot) for each in first for pivot in pivots
                )
                known[guess] = guess if fits else _of_language(guess, codes)
            return known[guess]

        return Candidates(codes, _each_once((*last, *first)), wanted)


def _of_language(language: str, codes: Iterable[str]) -> str | None:
    """Returns the first of some codes that are of a language: pt-BR and zh-Hant for pt and zh."""
    return next((code for code in codes if code.partition("-")[0].lower() == language), None)


def _each_once(translators: Iterable[Translator]) -> tuple[Translator, ...]:
    return tuple(dict.fromkeys(translators))


def _check_pivot(request: Request) -> None:
    """Raises InvalidArgumentError where the code is too long, or a model is named beside it."""
    check_length(request.pivot_language_code, "pivot_language_code")
    if not request.model:
        return
    given = shorten(request.pivot_language_code)
    allowed = "empty where model names one: it is for pairs that none has"
    raise InvalidArgumentError(
        f"pivot_language_code is {given}; allowed: {allowed}",
        field="pivot_language_code",
        reason="OPTIONS_CONFLICT",
        given=given,
        allowed=allowed,
    )
