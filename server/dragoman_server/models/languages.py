"""Finds the language pair that a request means: RFC 4647 lookup of BCP-47 codes.

Does not know what the models call their languages, nor anything of text.
"""

from collections.abc import Sequence

from dragoman.v1.bundle_pb2 import BundleLanguagePair
from dragoman_server.errors import InvalidArgumentError, NotFoundError, shorten

MAX_LISTED = 20


def find_pair(pairs: Sequence[BundleLanguagePair], source: str, target: str) -> BundleLanguagePair:
    """Returns the pair of `pairs` that fits the codes best; an empty code fits every language.

    Codes are compared without regard to case, `_` counts as `-`, and a code that nothing fits is
    shortened from its end: de-AT-1996, then de-AT, then de.

    Raises:
        NotFoundError: No pair fits.
        InvalidArgumentError: A code is empty and more than one pair fits.
    """
    for source_range in _fallbacks(source):
        for target_range in _fallbacks(target):
            fitting = [
                pair
                for pair in pairs
                if source_range in ("", _normal(pair.source_language_code))
                and target_range in ("", _normal(pair.target_language_code))
            ]
            if len(fitting) > 1:
                raise _ambiguous(fitting, source)
            if fitting:
                return fitting[0]
    raise NotFoundError(
        f"no language pair {shorten(source)} to {shorten(target)}: there is {_listed(pairs)}",
        reason="LANGUAGE_PAIR_NOT_FOUND",
    )


def _fallbacks(code: str) -> list[str]:
    """Returns the code and its ever shorter beginnings (RFC 4647, 3.4)."""
    subtags = _normal(code).split("-")
    fallbacks = []
    while subtags:
        fallbacks.append("-".join(subtags))
        subtags.pop()
        while subtags and len(subtags[-1]) == 1:  # a singleton introduces what was just removed
            subtags.pop()
    return fallbacks


def _normal(code: str) -> str:
    return code.replace("_", "-").lower()


def _ambiguous(fitting: Sequence[BundleLanguagePair], source: str) -> InvalidArgumentError:
    field = "target_language_code" if source else "source_language_code"
    return InvalidArgumentError(
        f"{field} is empty, which is allowed only where one language pair fits; "
        f"there is {_listed(fitting)}",
        field=field,
        reason="LANGUAGE_REQUIRED",
        allowed=_listed(fitting),
    )


def _listed(pairs: Sequence[BundleLanguagePair]) -> str:
    names = [f"{pair.source_language_code} to {pair.target_language_code}" for pair in pairs]
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more
