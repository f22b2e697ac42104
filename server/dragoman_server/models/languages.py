"""Finds the language pair that a request means.

Knows the pairs of a bundle. Does not know what models call their languages, nor anything of text.
"""

from collections.abc import Iterable, Sequence

from dragoman.v1.bundle_pb2 import BundleLanguagePair
from dragoman_server.errors import InvalidArgumentError, NotFoundError, shorten
from dragoman_server.models.language_codes import canonical, normal, ranges

MAX_CODE_LENGTH = 35
"""Characters of a language code, by BCP-47's own advice (RFC 5646, 4.4.1)."""

MAX_LISTED = 20

ANY_LANGUAGE = ("mul", "und")
"""Codes of sources that may be of any language."""


class LanguagePairs:
    """The pairs of a bundle, in tables: a request is looked up whatever their number."""

    def __init__(self, pairs: Sequence[BundleLanguagePair]) -> None:
        self._pairs = pairs
        self._sources = _spellings(pair.source_language_code for pair in pairs)
        self._targets = _spellings(pair.target_language_code for pair in pairs)
        self._by_codes = {_codes(pair): pair for pair in pairs}

    def find(self, source: str, target: str) -> BundleLanguagePair:
        """Returns the pair that fits the codes best; an empty code fits every language.

        Raises:
            NotFoundError: No pair fits.
            InvalidArgumentError: A code is too long, or is empty and more than one pair fits.
        """
        check_length(source, "source_language_code")
        check_length(target, "target_language_code")
        sources = _known(ranges(source), self._sources) if source else []
        sources += [code for code in ANY_LANGUAGE if source and code in self._sources]
        targets = _known(ranges(target), self._targets) if target else []
        if source and target:
            fitting = self._both(sources, targets)
        elif source or target:
            fitting = self._one(sources or targets, index=0 if source else 1)
        else:
            fitting = list(self._pairs)
        if not fitting:
            raise NotFoundError(
                f"no language pair from {_shown(source)} to {_shown(target)}: "
                f"there is {_listed(self._pairs)}",
                reason="LANGUAGE_PAIR_NOT_FOUND",
            )
        if len(fitting) > 1:
            raise _ambiguous(fitting, is_source_given=bool(source))
        return fitting[0]

    def _both(self, sources: list[str], targets: list[str]) -> list[BundleLanguagePair]:
        for source in sources:
            for target in targets:
                if (pair := self._by_codes.get((source, target))) is not None:
                    return [pair]
        return []

    def _one(self, codes: list[str], *, index: int) -> list[BundleLanguagePair]:
        """Returns the pairs whose source (0) or target (1) is the first of the codes."""
        return [pair for pair in self._pairs if _codes(pair)[index] == codes[0]] if codes else []


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


def _codes(pair: BundleLanguagePair) -> tuple[str, str]:
    return normal(pair.source_language_code), normal(pair.target_language_code)


def _spellings(codes: Iterable[str]) -> dict[str, str]:
    """Returns every spelling by which a language is known: its own, else its canonical one."""
    own = {normal(code): normal(code) for code in codes}
    return {canonical(code): code for code in reversed(own)} | own


def _known(candidates: list[str], spellings: dict[str, str]) -> list[str]:
    """Returns the codes of languages that there are, in the order of the candidates."""
    found = (spellings[code] for code in candidates if code in spellings)
    return list(dict.fromkeys(found))


def _ambiguous(
    fitting: Sequence[BundleLanguagePair], *, is_source_given: bool
) -> InvalidArgumentError:
    is_source_clear = is_source_given or len({_codes(pair)[0] for pair in fitting}) == 1
    field = "target_language_code" if is_source_clear else "source_language_code"
    return InvalidArgumentError(
        f"{field} is empty, which is allowed only where one language pair fits; "
        f"there is {_listed(fitting)}",
        field=field,
        reason="LANGUAGE_REQUIRED",
        allowed=_listed(fitting),
    )


def _shown(code: str) -> str:
    return shorten(code) if code else "any language"


def _listed(pairs: Sequence[BundleLanguagePair]) -> str:
    names = [f"{pair.source_language_code} to {pair.target_language_code}" for pair in pairs]
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more
