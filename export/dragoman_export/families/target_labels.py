"""Codes for the labels by which a model tells its target languages apart.

Knows labels such as `bos_Latn` and `zh_cn`, and what they are in BCP-47. Every label gets a code of
its own, however alike two are. Does not know which of them a model is asked for.
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import langcodes
import langcodes.tag_parser

LABEL = re.compile(r">>(?P<label>[^\s<>\u2581]*[^\W_][^\s<>\u2581]*)<<")
"""A token that names a target language: `>>`, something with a letter or a digit, `<<`."""

MAX_CODE_LENGTH = 35
"""Characters of a code that a request may have, by BCP-47's own advice (RFC 5646, 4.4.1)."""

MAX_SUBTAG_LENGTH = 8


class Label(NamedTuple):
    """A target language as a model names it."""

    name: str
    token_id: int

    @property
    def token(self) -> str:
        """As it is in the vocabulary."""
        return f">>{self.name}<<"


def find_labels(vocabulary: Mapping[str, int]) -> list[Label]:
    """The labels among the pieces of a vocabulary, by their ids."""
    matches = ((LABEL.fullmatch(piece), token_id) for piece, token_id in vocabulary.items())
    labels = [Label(match["label"], token_id) for match, token_id in matches if match]
    return sorted(labels, key=lambda label: label.token_id)


def name_labels(labels: Iterable[Label]) -> dict[str, Label]:
    """A code for each label: the canonical one, and where several share it, one that tells more.

    `>>bos<<` is bs, and beside it `>>bos_Latn<<` is bs-Latn; `>>hbs<<`, which stands for sr-Latn,
    is hbs beside `>>srp_Latn<<`; `>>zh_cn<<` is zh-CN-x-2 beside `>>zh_CN<<`.
    """
    alike: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        alike[canonical_label(label.name)].append(label)
    named: dict[str, Label] = {}
    others: list[Label] = []
    for code, group in alike.items():
        first, *rest = sorted(group, key=lambda label: _distance(label, code))
        named[code] = first
        others += rest
    taken = {code.lower() for code in named}
    for label in others:
        code = next(c for c in _further_codes(label) if c.lower() not in taken)
        taken.add(code.lower())
        named[code] = label
    return dict(sorted(named.items(), key=lambda item: item[1].token_id))


def canonical_label(name: str) -> str:
    """The canonical code of a label; one for private use where it is no language code."""
    try:
        code = langcodes.standardize_tag(name)
    except langcodes.tag_parser.LanguageTagError:
        code = ""
    return code if 0 < len(code) <= MAX_CODE_LENGTH else _private(name)


def _further_codes(label: Label) -> Iterator[str]:
    code = canonical_label(label.name)
    is_private = code.startswith("x-")
    if not is_private:
        yield langcodes.Language.get(label.name).to_tag()  # with a script that goes without saying
        yield langcodes.Language.get(label.name, normalize=False).to_tag()
    for number in itertools.count(2):
        numbered = f"{code}-x-{number}"
        is_code = not is_private and len(numbered) <= MAX_CODE_LENGTH
        yield numbered if is_code else f"x-{number}"


def _distance(label: Label, code: str) -> tuple[bool, bool, bool, bool, int]:
    """How far a label is from the code that it shares with others."""
    if code.startswith("x-"):
        return False, False, False, label.name != code, label.token_id
    spelled = langcodes.Language.get(label.name, normalize=False)
    meant = langcodes.Language.get(code)
    return (
        langcodes.Language.get(label.name).to_tag() != code,
        spelled.to_tag().count("-") != code.count("-"),
        spelled.language not in (meant.language, _three_letters(meant)),
        label.name.replace("_", "-") != code,
        label.token_id,
    )


def _three_letters(language: langcodes.Language) -> str:
    try:
        return language.to_alpha3()
    except LookupError:
        return ""


def _private(name: str) -> str:
    """A code for private use with the label's letters and digits."""
    letters = re.sub(r"[^0-9a-z]", "-", name.lower())
    parts = [part for part in letters.split("-") if part]
    subtags = [
        part[start : start + MAX_SUBTAG_LENGTH]
        for part in parts
        for start in range(0, len(part), MAX_SUBTAG_LENGTH)
    ]
    return "-".join(["x", *subtags])[:MAX_CODE_LENGTH].rstrip("-") if subtags else "x-1"
