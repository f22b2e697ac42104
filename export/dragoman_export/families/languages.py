"""The directions that a model translates, and how it is told which one.

On the wire a language is a BCP-47 code in its canonical form; a model has spellings of its own
(`fra`, `deu_Latn`). A Marian model of several target languages has a token `>>code<<` for each, put
before the source.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import langcodes
import langcodes.tag_parser
from langcodes.data_dicts import MACROLANGUAGES
from langcodes.registry_parser import parse_registry

from dragoman_export.errors import UsageError
from dragoman_export.families.target_labels import Label, find_labels, name_labels
from dragoman_export.model import ImportedModel

SEPARATOR = "+"
"""Between the languages of a model that has several: `fr+es+it`."""

GROUPS = frozenset({"mul", "und", "mis", "zxx"})
"""Codes of no language in particular, beside the registry's collections (`sla`, `roa`)."""

UNNAMED = "the checkpoint does not name its languages: give --source-language and --target-language"


class LanguagePair(NamedTuple):
    """A direction of translation, in BCP-47 codes."""

    source: str
    target: str
    source_prefix_ids: tuple[int, ...] = ()
    """Token ids that tell the model the target, put before the source."""


class Directions(NamedTuple):
    """What a model translates."""

    pairs: list[LanguagePair]

    remarks: list[str]
    """What a user would not expect of the pairs."""


class _Targets(NamedTuple):
    labels: dict[str, Label]
    """By their codes."""
    plain: str | None = None
    """The one target of a model that is told none."""
    remarks: tuple[str, ...] = ()


def language_pairs(model: ImportedModel, source: str | None, target: str | None) -> Directions:
    """Every direction of the model, or those into `target`.

    Args:
        model: What it says of itself applies where `source` or `target` is None.
        source: Language codes in any spelling, joined by "+".
        target: Language code in any spelling; one of several picks that one.

    Raises:
        UsageError: A language is unknown, or is none of the model's.
    """
    sources = _sources(source, model.source_language)
    targets = _targets(find_labels(model.vocabulary), model.target_language, target)
    if targets.plain is not None:
        pairs = [LanguagePair(code, targets.plain) for code in sources]
    else:
        pairs = [
            LanguagePair(code, target_code, (label.token_id,))
            for code in sources
            for target_code, label in targets.labels.items()
        ]
    return Directions(pairs, list(targets.remarks))


def canonical(code: str) -> str:
    """The code in BCP-47's canonical form: `fra` is `fr`, `deu_Latn` is `de`.

    Raises:
        UsageError: It is no language code.
    """
    try:
        return langcodes.standardize_tag(code)
    except langcodes.tag_parser.LanguageTagError:
        raise UsageError(f"{code!r} is no language code; give one of BCP-47, such as de") from None


def _sources(asked: str | None, stated: str | None) -> list[str]:
    spoken = asked or stated
    if not spoken:
        raise UsageError(UNNAMED)
    try:
        return list(dict.fromkeys(map(canonical, spoken.split(SEPARATOR))))
    except UsageError as error:
        if asked:
            raise
        raise UsageError(f"the checkpoint's source_lang: {error} as --source-language") from error


def _targets(labels: Sequence[Label], stated: str | None, asked: str | None) -> _Targets:
    """The targets of a model with these labels that states one language, and is asked for one."""
    named = name_labels(labels)
    plain = _plain(stated, named)
    if asked is not None:
        return _asked(asked, named, plain)
    if plain is None and not named:
        raise UsageError(UNNAMED)
    if plain is None:
        return _Targets(named, None, _names_apart(named))
    strays = ", ".join(label.token for label in labels)
    remark = f"leave out {strays}: the checkpoint says that it translates into {plain}"
    return _Targets({}, plain, (remark,) if strays else ())


def _asked(asked: str, named: dict[str, Label], plain: str | None) -> _Targets:
    """The one target that is asked for."""
    code = canonical(asked)
    if not named:
        return _Targets({}, code)
    by_name = {label.name: known for known, label in named.items()}
    found = by_name.get(asked, asked if asked in named else code)
    if found in named:
        return _Targets({found: named[found]})
    if plain is not None and plain == code:
        return _Targets({}, plain)
    known = ", ".join(sorted({*named, *([plain] if plain else [])}))
    raise UsageError(
        f"the model does not translate into {code!r}; it does into {known}, by the tokens of its "
        "vocabulary. If it is told no target, name its target_lang in tokenizer_config.json"
    )


def _plain(stated: str | None, named: Mapping[str, Label]) -> str | None:
    """The target of a model that is told none: one language, and no label is of it."""
    if not stated or SEPARATOR in stated:
        return None
    try:
        code = canonical(stated)
    except UsageError:
        return None  # a family's name, as in opus-mt-en-ROMANCE
    language = _language(code)
    if named and (_is_group(language) or any(_is_of(_language(c), language) for c in named)):
        return None
    return code


def _is_of(language: str, stated: str) -> bool:
    """Whether a language is the stated one, or of the same macrolanguage."""
    return MACROLANGUAGES.get(language, language) == MACROLANGUAGES.get(stated, stated)


def _language(code: str) -> str:
    return code.split("-", maxsplit=1)[0]


def _is_group(language: str) -> bool:
    return language in GROUPS or any(
        entry.get("Subtag") == language and entry.get("Scope") == "collection"
        for entry in parse_registry()  # type: ignore[no-untyped-call]
    )


def _names_apart(named: Mapping[str, Label]) -> tuple[str, ...]:
    """Says which labels have codes that nobody would guess."""
    apart = [
        f"{label.token} is {code}"
        for code, label in named.items()
        if code.startswith("x-") or code != langcodes.standardize_tag(label.name)
    ]
    return (f"tell alike targets apart: {', '.join(apart)}",) if apart else ()
