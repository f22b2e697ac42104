"""The directions that a model translates, and how it is told which one.

On the wire a language is a BCP-47 code in its canonical form; a model has spellings of its own
(`fra`, `deu_Latn`). A Marian model of several target languages has a token `>>code<<` for each, put
before the source.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import langcodes
import langcodes.tag_parser

from dragoman_export.errors import UsageError
from dragoman_export.model import ImportedModel

TARGET_TOKEN = re.compile(r">>(?P<code>[A-Za-z0-9_-]+)<<")


class LanguagePair(NamedTuple):
    """A direction of translation, in BCP-47 codes."""

    source: str
    target: str
    source_prefix_ids: tuple[int, ...] = ()
    """Token ids that tell the model the target, put before the source."""


def language_pairs(
    model: ImportedModel, source: str | None, target: str | None
) -> list[LanguagePair]:
    """Every direction of the model, or the one into `target`.

    Args:
        model: What it says of itself applies where `source` or `target` is None.
        source: Language code in any spelling.
        target: Language code in any spelling; one of several picks that one.

    Raises:
        UsageError: A language is unknown, or is none of the model's.
    """
    spoken = source or model.source_language
    targets = _target_tokens(model.vocabulary)
    if spoken is None or not (targets or target or model.target_language):
        raise UsageError(
            "the checkpoint does not name its languages: give --source-language and "
            "--target-language"
        )
    if not targets:
        return [LanguagePair(canonical(spoken), canonical(target or model.target_language or ""))]
    if target is not None:
        targets = _only(canonical(target), targets)
    return [LanguagePair(canonical(spoken), code, (token,)) for code, token in targets.items()]


def canonical(code: str) -> str:
    """The code in BCP-47's canonical form: `fra` is `fr`, `deu_Latn` is `de`.

    Raises:
        UsageError: It is no language code.
    """
    try:
        return langcodes.standardize_tag(code)
    except langcodes.tag_parser.LanguageTagError:
        raise UsageError(f"{code!r} is no language code; give one of BCP-47, such as de") from None


def is_target_token(piece: str) -> bool:
    """Whether a piece of a vocabulary names a target language."""
    return TARGET_TOKEN.fullmatch(piece) is not None


def _target_tokens(vocabulary: Mapping[str, int]) -> dict[str, int]:
    """Token id of each target language that the vocabulary has a token for."""
    matches = ((TARGET_TOKEN.fullmatch(piece), token) for piece, token in vocabulary.items())
    return {canonical(match["code"]): token for match, token in matches if match}


def _only(target: str, targets: dict[str, int]) -> dict[str, int]:
    if target not in targets:
        known = ", ".join(sorted(targets))
        raise UsageError(f"the model does not translate into {target!r}; it does into {known}")
    return {target: targets[target]}
