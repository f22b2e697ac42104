"""How a CTranslate2 model is told its languages, by the tokens of its vocabulary.

Where the source's goes, CTranslate2 does not store; the tokenizer's settings beside the model may
say it. Does not know tokenizers or weights.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dragoman_export.checkpoints.files import read_settings
from dragoman_export.errors import CheckpointError
from dragoman_export.families.bart_tokens import LANGUAGE_TOKENS
from dragoman_export.families.ctranslate2_config import Steering
from dragoman_export.families.ctranslate2_vocabularies import PADDING, numbered
from dragoman_export.families.marian_tokens import find_targets
from dragoman_export.families.t5_tokens import LANGUAGE_TOKEN
from dragoman_export.model import Source, Target

EVERY = "mul"
"""The source language of a model that takes any and is told none."""

TOKENIZER_CONFIG = "tokenizer_config.json"
"""Of transformers. Beside a model, it says where the language of a source goes."""

MBART_25 = "MBartTokenizer"

MBART = (MBART_25, "MBart50Tokenizer")
"""Tokenizers of models whose converter leaves out what the decoder starts with: the first's with
the language of the target; the second's, where the model's settings do not name it, as all others,
with the end token."""

STEERING_NAMES = (PADDING, "<blank>", "<mask>", "<s>", "</s>", "<unk>")

FILLER = re.compile(r"madeupword\d+|<extra_id_\d+>")
"""What a vocabulary is filled up with; T5 has the second kind of its own."""


class Order(NamedTuple):
    """Where a model is told its languages."""

    follows_text: bool
    """The source's after the text and its end token; else before it."""
    starts: bool
    """The target's is what the decoder starts with; else it comes after the start token."""

    def source(self, name: str, token: str, number: int, before: tuple[int, ...]) -> Source:
        """A language by its token, after what every source begins with."""
        if self.follows_text:
            return Source(name, token, before, suffix_ids=(number,))
        return Source(name, token, (*before, number))

    def target(self, name: str, token: str, number: int) -> Target:
        """Likewise, by its token among targets."""
        if self.starts:
            return Target(name, token, start_id=number)
        return Target(name, token, target_prefix_ids=(number,))


def find_order(path: Path, steering: Steering, languages: Sequence[tuple[str, str, int]]) -> Order:
    """What the tokenizer's settings say, as transformers reads them; else as the family has it.

    Raises:
        CheckpointError: Nothing says what the decoder starts with.
    """
    is_mbart = any(LANGUAGE_TOKENS[MBART_25].fullmatch(token) for _, token, _ in languages)
    file = path / TOKENIZER_CONFIG
    settings = read_settings(file) if os.path.lexists(file) else {}
    given = settings.get("tokenizer_class")
    name = given.removesuffix("Fast") if isinstance(given, str) else None
    if steering.start is None and not (is_mbart and name in {None, *MBART}):
        spoken = "such languages" if is_mbart else "no languages as de_DE in the vocabulary"
        raise CheckpointError(
            f"{path}: decoder_start_token is null: each request names the token that it starts "
            f"with. That is supported of mBART, where it is the target's language; with {spoken} "
            f"and the tokenizer {name or 'of no known class'} nothing says which it is"
        )
    is_25 = name == MBART_25 or (name is None and steering.start is None)
    legacy = name == "NllbTokenizer" and settings.get("legacy_behaviour") is True
    return Order(follows_text=is_25 or legacy, starts=is_25 and steering.start is None)


def named_languages(tokens: Sequence[str]) -> list[tuple[str, str, int]]:
    """Name, token and id of each language that a token names, if there are several."""
    best: list[tuple[str, str, int]] = []
    for pattern in LANGUAGE_TOKENS.values():
        found = [
            (match["name"], token, number)
            for number, token in enumerate(tokens)
            if (match := pattern.fullmatch(token))
        ]
        best = max(best, found, key=len)
    return best if len(best) > 1 else []


def find_labels(tokens: Sequence[str]) -> Sequence[Target]:
    """The languages that a token before the source names."""
    return find_targets(numbered(tokens)) or madlad_labels(tokens)


def madlad_labels(tokens: Sequence[str]) -> Sequence[Target]:
    """Likewise as MADLAD-400 has them, `<2de>`, if there are several."""
    found = [
        Target(match["name"], token, (number,))
        for number, token in enumerate(tokens)
        if (match := LANGUAGE_TOKEN.fullmatch(token))
    ]
    return found if len(found) > 1 else []


def steering_ids(tokens: Sequence[str]) -> set[int]:
    """Of tokens that no text yields and that give no text."""
    languages = {number for _, _, number in named_languages(tokens)}
    labels = find_labels(tokens)
    named = {
        number
        for number, token in enumerate(tokens)
        if token in STEERING_NAMES or FILLER.fullmatch(token)
    }
    return languages.union(named, *(target.source_prefix_ids for target in labels))
