"""How fairseq's multilingual tasks tell a model its languages, by tokens that they add.

Source: fairseq's `translation_multi_simple_epoch` and `translation_from_pretrained_bart`, and its
`MultilingualDatasetManager`. Knows settings and dictionaries. Does not know tensors or tokenizers.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from dragoman_export.checkpoints import Settings
from dragoman_export.errors import CheckpointError
from dragoman_export.families.fairseq_files import read_dictionary, read_lines
from dragoman_export.model import Source, Target

MULTI, FROM_BART = "translation_multi_simple_epoch", "translation_from_pretrained_bart"

TASKS = (MULTI, FROM_BART)

STYLES: Mapping[str, str] = {"multilingual": "__{}__", "mbart": "[{}]"}
"""Of `lang_tok_style`: what a language's token is called."""

MASK = "<mask>"
"""Added after the languages where they are mBART's, or part of the training data was masked."""

SPECS: Mapping[str, str] = {"dae": "_dae", "mined": "_mined"}
"""Ends of a kind of training data, and of the languages of its tokens."""

COUNTRY = re.compile(r"(?P<name>[a-z]{2,3})_[A-Z]{2}")
"""mBART's names; it has one token for each language."""

SEPARATOR = "+"


class Told(NamedTuple):
    """All that a model is told of languages."""

    added: Sequence[str]
    """Tokens at the end of every dictionary."""

    sources: Sequence[Source]
    targets: Sequence[Target]
    source_language: str
    target_language: str
    """Where a model is not told."""


def problems_of_languages(settings: Settings) -> Iterator[str]:
    """What of a multilingual task is not supported."""
    if settings["task"] == FROM_BART:
        if not _listed(settings.get("langs")):
            yield f"langs is {settings.get('langs')!r}; the languages of the model are needed"
        if settings.get("prepend_bos"):
            yield f"prepend_bos is {settings['prepend_bos']!r}, which is not supported"
        return
    style = settings.get("lang_tok_style", "multilingual")
    if style not in STYLES:
        yield f"lang_tok_style is {style!r}; known are {', '.join(STYLES)}"
    if settings.get("lang_tok_replacing_bos_eos"):
        yield "lang_tok_replacing_bos_eos is set; only tokens beside <s> and </s> are supported"
    pairs = _listed(settings.get("lang_pairs"))
    if not pairs or any(pair.count("-") != 1 for pair in pairs):
        yield f"lang_pairs is {settings.get('lang_pairs')!r}; pairs such as en-de,de-en are needed"
        return
    encoder, decoder = _langtoks(settings)
    if encoder not in (None, "src", "tgt") or decoder not in (None, "tgt"):
        yield (
            f"langtoks of main are {encoder!r} and {decoder!r}; src, tgt or none of the encoder, "
            "and tgt or none of the decoder are supported"
        )
    targets = _languages(pairs, 1)
    if len(targets) > 1 and "tgt" not in (encoder, decoder):
        yield (
            f"the model translates into {', '.join(targets)} and neither encoder_langtok nor "
            "decoder_langtok names the target"
        )


def added_tokens(settings: Settings, path: Path) -> list[str]:
    """What the task adds to the dictionaries, in its order.

    Raises:
        CheckpointError: The file of languages is missing.
    """
    if settings["task"] == FROM_BART:
        return [*(f"[{each}]" for each in _listed(settings["langs"])), MASK]
    style = settings.get("lang_tok_style", "multilingual")
    languages = _known_languages(settings, path)
    specs = _listed(settings.get("langtoks_specs")) or ["main"]
    added = [STYLES[style].format(each + _ending(spec)) for spec in specs for each in languages]
    extra = settings.get("extra_data")
    is_masked = style == "mbart" or (isinstance(extra, Mapping) and "mono_dae" in extra)
    return [*added, *([MASK] if is_masked else [])]


def with_added(ids: Mapping[str, int], added: Sequence[str]) -> dict[str, int]:
    """A dictionary with tokens at its end; those that it has already stay where they are."""
    whole = dict(ids)
    count = 1 + max(ids.values())
    for token in added:
        if token not in whole:
            whole[token] = count
            count += 1
    return whole


def find_told(
    settings: Settings,
    added: Sequence[str],
    sources: Mapping[str, int],
    targets: Mapping[str, int],
) -> Told:
    """What tells a model its languages, by dictionaries with all that is added.

    Raises:
        CheckpointError: A language has no token.
    """
    if settings["task"] == FROM_BART:
        return _told_by_bart(settings, added, sources, targets)
    style = STYLES[settings.get("lang_tok_style", "multilingual")]
    pairs = _listed(settings["lang_pairs"])
    encoder, decoder = _langtoks(settings)
    spoken, heard = _languages(pairs, 0), _languages(pairs, 1)
    found = Told(
        added, [], [], SEPARATOR.join(map(_name, spoken)), SEPARATOR.join(map(_name, heard))
    )
    if encoder == "src":
        tokens = ((each, style.format(each)) for each in spoken)
        told = [Source(_name(each), token, (_id(token, sources),)) for each, token in tokens]
        found = found._replace(sources=told)
    if "tgt" in (encoder, decoder):
        found = found._replace(
            targets=[
                Target(
                    _name(each),
                    token := style.format(each),
                    (_id(token, sources),) if encoder == "tgt" else (),
                    (_id(token, targets),) if decoder == "tgt" else (),
                )
                for each in heard
            ]
        )
    return found


def read_dictionaries(settings: Settings, path: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Of sources and targets, as they are stored.

    Raises:
        CheckpointError: One is missing or damaged, or languages of one side have unlike ones.
    """
    if settings["task"] == FROM_BART:
        languages = [[settings["source_lang"]], [settings["target_lang"]]]
    else:
        pairs = _listed(settings["lang_pairs"])
        languages = [_languages(pairs, 0), _languages(pairs, 1)]
    found = []
    for side, spoken in zip(("source_dict", "target_dict"), languages, strict=True):
        given = [settings.get("fixed_dictionary"), settings.get(side)]
        names = [Path(each).name for each in given if isinstance(each, str) and each]
        found.append(_one_dictionary(path, names, [f"dict.{each}.txt" for each in spoken]))
    return found[0], found[1]


def _one_dictionary(
    path: Path, given: Sequence[str], of_languages: Sequence[str]
) -> dict[str, int]:
    named = [path / name for name in given if (path / name).is_file()]
    each = [path / name for name in (*of_languages, "dict.txt") if (path / name).is_file()]
    files = named[:1] or each
    if not files:
        looked = ", ".join([*given, *of_languages[:3], "dict.txt"])
        raise CheckpointError(f"{path} has no dictionary; looked for are {looked}")
    first = read_dictionary(files[0])
    for file in files[1:]:
        if read_dictionary(file) != first:
            raise CheckpointError(
                f"{file} differs from {files[0].name}; all languages of a side must have one"
            )
    return first


def _told_by_bart(
    settings: Settings,
    added: Sequence[str],
    sources: Mapping[str, int],
    targets: Mapping[str, int],
) -> Told:
    """The source's after it and its end; what the decoder starts with is the target's."""
    source, target = settings["source_lang"], settings["target_lang"]
    one, other = f"[{source}]", f"[{target}]"
    return Told(
        added,
        [Source(_name(source), one, suffix_ids=(_id(one, sources),))],
        [Target(_name(target), other, start_id=_id(other, targets))],
        _name(source),
        _name(target),
    )


def _id(token: str, ids: Mapping[str, int]) -> int:
    if token not in ids:
        raise CheckpointError(f"the dictionary has no {token}: langs of the settings lack it")
    return ids[token]


def _langtoks(settings: Settings) -> tuple[object, object]:
    """Of the encoder and the decoder; where `langtoks` does not say them, two older settings do."""
    stated = settings.get("langtoks")
    if isinstance(stated, Mapping) and "main" in stated:
        main = stated["main"]
        if isinstance(main, list | tuple) and len(main) == 2:  # noqa: PLR2004 - a pair
            return main[0], main[1]
        return main, main
    return (
        settings.get("encoder_langtok") or None,
        "tgt" if settings.get("decoder_langtok") else None,
    )


def _known_languages(settings: Settings, path: Path) -> list[str]:
    if stated := _listed(settings.get("langs")):
        return stated
    file = settings.get("lang_dict")
    if isinstance(file, str) and file:
        return [line.strip() for line in read_lines(path / Path(file).name) if line.strip()]
    pairs = _listed(settings["lang_pairs"])
    return sorted({each for pair in pairs for each in pair.split("-")})


def _languages(pairs: Sequence[str], place: int) -> list[str]:
    """Each once, in the order of the pairs."""
    return list(dict.fromkeys(pair.split("-")[place] for pair in pairs))


def _listed(value: object) -> list[str]:
    """A list, or what commas stand between in a text."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(each, str) for each in parts):
        return []
    return [stripped for each in parts if (stripped := each.strip())]


def _ending(spec: str) -> str:
    return next((ending for end, ending in SPECS.items() if spec.endswith(end)), "")


def _name(language: str) -> str:
    match = COUNTRY.fullmatch(language)
    return match["name"] if match else language
