"""The languages that a model translates, and how it is told which ones.

On the wire a language is a BCP-47 code in its canonical form; a model has spellings of its own
(`fra`, `deu_Latn`, `de_DE`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import langcodes
import langcodes.tag_parser
from langcodes.data_dicts import MACROLANGUAGES
from langcodes.registry_parser import parse_registry

from dragoman_export.errors import UsageError
from dragoman_export.families.language_names import name_languages
from dragoman_export.model import ImportedModel, Source, Target

SEPARATOR = "+"
"""Between the languages of a model that has several: `fr+es+it`."""

GROUPS = frozenset({"mul", "und", "mis", "zxx"})
"""Codes of no language in particular, beside the registry's collections (`sla`, `roa`)."""

UNNAMED = "the checkpoint does not name its languages: give --source-language and --target-language"

MOST_LISTED = 20

_Told = TypeVar("_Told", Source, Target)


class Languages(NamedTuple):
    """What a model translates, each source into each target, by BCP-47 codes."""

    sources: Mapping[str, Source]
    targets: Mapping[str, Target]

    remarks: Sequence[str] = ()
    """What a user would not expect of them."""


class _Targets(NamedTuple):
    told: Mapping[str, Target]
    remarks: tuple[str, ...] = ()


def find_languages(model: ImportedModel, source: str | None, target: str | None) -> Languages:
    """Every language of the model, or those that are asked for.

    Args:
        model: What it says of itself applies where `source` or `target` is None.
        source: Language codes in any spelling, joined by "+".
        target: Likewise.

    Raises:
        UsageError: A language is unknown, or is none of the model's.
    """
    sources = _sources(model, source)
    targets = _targets(model, target)
    return Languages(sources, targets.told, targets.remarks)


def canonical(code: str) -> str:
    """The code in BCP-47's canonical form: `fra` is `fr`, `deu_Latn` is `de`.

    Raises:
        UsageError: It is no language code.
    """
    try:
        return langcodes.standardize_tag(code)
    except langcodes.tag_parser.LanguageTagError:
        raise UsageError(f"{code!r} is no language code; give one of BCP-47, such as de") from None


def _sources(model: ImportedModel, asked: str | None) -> Mapping[str, Source]:
    named = _named(model.sources)
    if named:
        return _chosen(asked, named, lambda code: _none_of(code, named, "from")) if asked else named
    spoken = asked or model.source_language
    if not spoken:
        raise UsageError(UNNAMED)
    try:
        codes = dict.fromkeys(map(canonical, spoken.split(SEPARATOR)))
    except UsageError as error:
        if asked:
            raise
        raise UsageError(f"the checkpoint's source_lang: {error} as --source-language") from error
    return dict.fromkeys(codes, model.any_source)


def _targets(model: ImportedModel, asked: str | None) -> _Targets:
    named = _named(model.targets)
    plain = _plain(model.target_language, named)
    if asked is not None:
        return _asked(model, asked, named, plain)
    if model.default_target is not None:
        code, target = next(each for each in named.items() if each[1].name == model.default_target)
        remark = f"leave out {len(named) - 1} targets: the checkpoint is made for {code}"
        return _Targets({code: target}, (remark,) if len(named) > 1 else ())
    if plain is None and not named:
        raise UsageError(UNNAMED)
    if plain is None:
        return _Targets(named, _names_apart(named))
    strays = ", ".join(target.token for target in model.targets)
    remark = f"leave out {strays}: the checkpoint says that it translates into {plain}"
    return _Targets({plain: model.any_target}, (remark,) if strays else ())


def _asked(
    model: ImportedModel, asked: str, named: Mapping[str, Target], plain: str | None
) -> _Targets:
    """The targets that are asked for."""
    if not named:
        codes = map(canonical, asked.split(SEPARATOR))
        return _Targets(dict.fromkeys(codes, model.any_target))
    if plain is not None and canonical(asked) == plain and plain not in named:
        return _Targets({plain: model.any_target})

    def refuse(code: str) -> UsageError:
        known = named if plain is None else {**named, plain: model.any_target}
        return _none_of(code, known, "into")

    return _Targets(_chosen(asked, named, refuse))


def _chosen(
    asked: str, named: Mapping[str, _Told], refuse: Callable[[str], UsageError]
) -> Mapping[str, _Told]:
    """Those that are asked for, by a spelling of the model or by any of a code."""
    spelled = {spelling: code for code, told in named.items() for spelling in told[:2]}
    chosen: dict[str, _Told] = {}
    for each in asked.split(SEPARATOR):
        code = spelled.get(each, each if each in named else canonical(each))
        if code not in named:
            raise refuse(code)
        chosen[code] = named[code]
    return chosen


def _none_of(code: str, known: Iterable[str], word: str) -> UsageError:
    return UsageError(
        f"the model does not translate {word} {code!r}; it does {word} {_listed(known)}, by the "
        "tokens of its vocabulary. If it is told no target, name its target_lang in "
        "tokenizer_config.json"
    )


def _listed(codes: Iterable[str]) -> str:
    ordered = sorted(codes)
    more = f" and {len(ordered) - MOST_LISTED} more" if len(ordered) > MOST_LISTED else ""
    return ", ".join(ordered[:MOST_LISTED]) + more


def _named(told: Sequence[_Told]) -> Mapping[str, _Told]:
    """By their codes."""
    by_name = {each.name: each for each in told}
    return {code: by_name[name] for code, name in name_languages(list(by_name)).items()}


def _plain(stated: str | None, named: Mapping[str, Target]) -> str | None:
    """The target of a model that is told none: one language, and nothing it is told is of it."""
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


def _names_apart(named: Mapping[str, Target]) -> tuple[str, ...]:
    """Says which targets have codes that nobody would guess."""
    apart = [
        f"{target.token} is {code}"
        for code, target in named.items()
        if code.startswith("x-") or code != langcodes.standardize_tag(target.name)
    ]
    return (f"tell alike targets apart: {', '.join(apart)}",) if apart else ()
