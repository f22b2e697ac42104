"""Codes for the names by which a model tells its languages apart.

Knows names such as `bos_Latn` and `zh_cn`, and what they are in BCP-47. Every name gets a code of
its own, however alike two are. Does not know which of them a model is asked for.
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import langcodes
import langcodes.tag_parser

MAX_CODE_LENGTH = 35
"""Characters of a code that a request may have, by BCP-47's own advice (RFC 5646, 4.4.1)."""

MAX_SUBTAG_LENGTH = 8


def name_languages(names: Sequence[str]) -> dict[str, str]:
    """Names by codes: the canonical one, and where several share it, one that tells more.

    `bos` is bs, and beside it `bos_Latn` is bs-Latn; `hbs`, which stands for sr-Latn, is hbs beside
    `srp_Latn`; `zh_cn` is zh-CN-x-2 beside `zh_CN`.

    Args:
        names: All different; of those that are equally near to a code the first has it.
    """
    order = {name: number for number, name in enumerate(names)}
    alike: dict[str, list[str]] = defaultdict(list)
    for name in names:
        alike[canonical_name(name)].append(name)
    named: dict[str, str] = {}
    others: list[str] = []
    for code, group in alike.items():
        first, *rest = sorted(group, key=lambda name: (*_distance(name, code), order[name]))
        named[code] = first
        others += rest
    taken = {code.lower() for code in named}
    for name in others:
        code = next(c for c in _further_codes(name) if c.lower() not in taken)
        taken.add(code.lower())
        named[code] = name
    return dict(sorted(named.items(), key=lambda item: order[item[1]]))


def canonical_name(name: str) -> str:
    """The canonical code of a language; one for private use where it is no language code."""
    try:
        code = langcodes.standardize_tag(name)
    except langcodes.tag_parser.LanguageTagError:
        code = ""
    return code if 0 < len(code) <= MAX_CODE_LENGTH else _private(name)


def _further_codes(name: str) -> Iterator[str]:
    code = canonical_name(name)
    is_private = code.startswith("x-")
    if not is_private:
        yield langcodes.Language.get(name).to_tag()  # with a script that goes without saying
        yield langcodes.Language.get(name, normalize=False).to_tag()
    for number in itertools.count(2):
        numbered = f"{code}-x-{number}"
        is_code = not is_private and len(numbered) <= MAX_CODE_LENGTH
        yield numbered if is_code else f"x-{number}"


def _distance(name: str, code: str) -> tuple[bool, bool, bool, bool]:
    """How far a name is from the code that it shares with others."""
    if code.startswith("x-"):
        return False, False, False, name != code
    spelled = langcodes.Language.get(name, normalize=False)
    meant = langcodes.Language.get(code)
    return (
        langcodes.Language.get(name).to_tag() != code,
        spelled.to_tag().count("-") != code.count("-"),
        spelled.language not in (meant.language, _three_letters(meant)),
        name.replace("_", "-") != code,
    )


def _three_letters(language: langcodes.Language) -> str:
    try:
        return language.to_alpha3()
    except LookupError:
        return ""


def _private(name: str) -> str:
    """A code for private use with its letters and digits."""
    letters = re.sub(r"[^0-9a-z]", "-", name.lower())
    parts = [part for part in letters.split("-") if part]
    subtags = [
        part[start : start + MAX_SUBTAG_LENGTH]
        for part in parts
        for start in range(0, len(part), MAX_SUBTAG_LENGTH)
    ]
    return "-".join(["x", *subtags])[:MAX_CODE_LENGTH].rstrip("-") if subtags else "x-1"
