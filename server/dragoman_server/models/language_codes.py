"""Codes that mean the same language, or nearly: aliases, macrolanguages, likely scripts.

Knows the tables of BCP-47 and CLDR as langcodes has them. Its functions are not used: they remember
every code that they are asked about, and anybody may ask. Does not know which languages there are.
"""

from collections.abc import Iterator, Sequence

from langcodes.data_dicts import (
    LANGUAGE_REPLACEMENTS,
    LIKELY_SUBTAGS,
    NORMALIZED_MACROLANGUAGES,
    TERRITORY_REPLACEMENTS,
)

MACROLANGUAGES = NORMALIZED_MACROLANGUAGES | {"nb": "no"}
"""A language and the macrolanguage that mostly means it: cmn and zh, arb and ar."""

MEMBERS = {macrolanguage: language for language, macrolanguage in MACROLANGUAGES.items()}

SCRIPT_LENGTH = 4
EXTENDED_LANGUAGE_LENGTH = 3


def normal(code: str) -> str:
    """Returns the code in lower case, with hyphens."""
    return code.replace("_", "-").lower()


def canonical(code: str) -> str:
    """Returns the canonical code for one in normal form: `fra` is fr, `sh` is sr-latn."""
    replaced = LANGUAGE_REPLACEMENTS.get(code)
    if replaced is not None:
        return normal(replaced)
    language, *rest = code.split("-")
    if len(language) == 1:
        return code  # private use
    if rest and len(rest[0]) == EXTENDED_LANGUAGE_LENGTH and rest[0].isalpha():
        language = rest.pop(0)  # zh-yue is yue
    language, *implied = normal(LANGUAGE_REPLACEMENTS.get(language, language)).split("-")
    script = [rest.pop(0)] if rest and _is_script(rest[0]) else []
    region = [normal(TERRITORY_REPLACEMENTS.get(rest[0], rest.pop(0)))] if rest else []
    script = script or [subtag for subtag in implied if _is_script(subtag)]
    region = region or [subtag for subtag in implied if not _is_script(subtag)]
    return "-".join([language, *script, *region, *rest])


def primary(code: str) -> str:
    """Returns the primary subtag of the canonical code: `zho_Hans` is zh, `deu` is de."""
    return canonical(normal(code)).split("-")[0]


def script(code: str) -> str:
    """Returns the script that a language is mostly written in, if its code does not say another.

    As BCP-47 has it, in small letters: `de` is latn, `zh_Hant` hant. Empty where it is not known.
    """
    language, *rest = canonical(normal(code)).split("-")
    if rest and _is_script(rest[0]):
        return rest[0]
    return _likely_script(language, rest[:1]) or _likely_script(language)


def names(code: str) -> frozenset[str]:
    """Returns the primary subtags that a language goes by: `nb` is nb and no, `cmn` cmn and zh."""
    return frozenset(_related(primary(code)))


def ranges(code: str) -> list[str]:
    """Returns what fits a code, best first: itself, its canonical form, then ever less of it.

    RFC 4647, 3.4: de-AT-1996, then de-AT, then de. Each also with and without the script that the
    language, or the language there, is mostly written in; then with the macrolanguage or its main
    language.
    """
    own = normal(code)
    fitting = [own]
    for shortened in _shortened(canonical(own)):
        for variant in _equivalent(shortened):
            fitting += [variant, *_by_likely_script(variant)]
    return list(dict.fromkeys(fitting))


def _shortened(code: str) -> Iterator[str]:
    subtags = code.split("-")
    while subtags:
        yield "-".join(subtags)
        subtags.pop()
        while subtags and len(subtags[-1]) == 1:  # a singleton introduces what was just removed
            subtags.pop()


def _equivalent(code: str) -> list[str]:
    language, *rest = code.split("-")
    return ["-".join([name, *rest]) for name in _related(language)]


def _related(language: str) -> list[str]:
    """Returns a primary subtag, its macrolanguage and the language that this mostly means."""
    related = (MACROLANGUAGES.get(language), MEMBERS.get(language))
    return [language, *filter(None, related)]


def _by_likely_script(code: str) -> list[str]:
    """Returns the code with the likely script if it has none, without its script if it is that."""
    language, *rest = code.split("-")
    script = rest.pop(0) if rest and _is_script(rest[0]) else None
    if len(rest) > 1:
        return []
    usual = _likely_script(language, rest)
    if not usual:
        return []
    if script is not None:
        return ["-".join([language, *rest])] if script == usual else []
    return ["-".join([language, usual, *rest]), f"{language}-{usual}"]


def _likely_script(language: str, region: Sequence[str] = ()) -> str:
    """Returns the script that a language, or the language there, is mostly written in; or none."""
    known = MACROLANGUAGES.get(language, language)
    likely = LIKELY_SUBTAGS.get("-".join([known, *map(str.upper, region)]))
    return "" if likely is None else normal(likely.split("-")[1])


def _is_script(subtag: str) -> bool:
    return len(subtag) == SCRIPT_LENGTH and subtag.isalpha()
