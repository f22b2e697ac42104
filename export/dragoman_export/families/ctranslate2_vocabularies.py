"""The vocabularies of a CTranslate2 model, and the ids of the tokens that steer it.

Does not know tokenizers or weights.
"""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dragoman_export.errors import CheckpointError
from dragoman_export.families.ctranslate2_config import Steering

SHARED, SOURCE, TARGET = "shared_vocabulary", "source_vocabulary", "target_vocabulary"

ENDINGS = (".json", ".txt")
"""Of a vocabulary: a JSON list of tokens, or one a line; in the order of CTranslate2."""

PADDING = "<pad>"
"""Of transformers' models. OpenNMT's have another, <blank>."""


SENTINEL = re.compile(r"<extra_id_\d+>")
"""T5's, of which the converter adds more where the embedding has more rows."""


class Vocabularies(NamedTuple):
    """Tokens by their ids."""

    sources: Sequence[str]
    targets: Sequence[str]

    is_shared: bool


class Ids(NamedTuple):
    """Of the tokens that steer a model."""

    unknown: int
    end: int
    start: int | None
    """None where it is the token of the target language."""
    begin: int | None
    """What sources begin with, if they do."""


def read_vocabularies(path: Path) -> Vocabularies:
    """Reads the vocabulary or vocabularies of a model's folder.

    Raises:
        CheckpointError: They are missing or damaged.
    """
    shared = _find(path, SHARED)
    if shared is not None:
        tokens = _read(shared)
        return Vocabularies(tokens, tokens, is_shared=True)
    source, target = _find(path, SOURCE), _find(path, TARGET)
    if source is None or target is None:
        if features := sorted(each.name for each in path.glob("source_[0-9]*_vocabulary.*")):
            raise CheckpointError(
                f"{path} has {', '.join(features)}: sources with several features are not supported"
            )
        ends = " or ".join(ENDINGS)
        raise CheckpointError(
            f"{path} lacks its vocabulary: {SHARED}, or {SOURCE} and {TARGET}, each {ends}"
        )
    sources, targets = _read(source), _read(target)
    return Vocabularies(sources, targets, is_shared=sources == targets)


def find_ids(
    vocabularies: Vocabularies, steering: Steering, zero_start: int | None
) -> tuple[Ids | None, list[str]]:
    """The ids of the tokens that steer a model, and what hinders that; then there are none.

    Args:
        vocabularies: Of the model.
        steering: What it says of them.
        zero_start: The id of what the decoder starts with where that is no token.
    """
    sources, targets = numbered(vocabularies.sources), numbered(vocabularies.targets)
    problems = []
    for kind, tokens, ids in (
        ("source", vocabularies.sources, sources),
        ("target", vocabularies.targets, targets),
    ):
        twice = [token for number, token in enumerate(tokens) if ids[token] != number]
        if others := [token for token in twice if not SENTINEL.fullmatch(token)]:
            problems.append(f"the {kind} vocabulary has {others[0]!r} twice")
        problems += [
            f"the {kind} vocabulary has no {name} {token!r}"
            for name, token in (("unk_token", steering.unknown), ("eos_token", steering.end))
            if token not in ids
        ]
    if steering.adds_begin and steering.begin not in sources:
        problems.append(f"the source vocabulary has no bos_token {steering.begin!r}")
    if zero_start is None and steering.start is not None and steering.start not in targets:
        problems.append(f"the target vocabulary has no decoder_start_token {steering.start!r}")
    if problems:
        return None, problems
    for token in (steering.unknown, steering.end):
        if sources[token] != targets[token]:
            problems.append(
                f"{token!r} is {sources[token]} in the source vocabulary and {targets[token]} in "
                "the target vocabulary; they must be the same"
            )
    start = zero_start
    if start is None and steering.start is not None:
        start = targets[steering.start]
    begin = sources[steering.begin] if steering.adds_begin and steering.begin else None
    return Ids(targets[steering.unknown], targets[steering.end], start, begin), problems


def ends_sources(vocabularies: Vocabularies, steering: Steering) -> bool:
    """Whether a source ends with the end token.

    Where the model does not add it itself, whoever calls it does for a model of transformers, whose
    tokenizers do so. OpenNMT's models are trained without; their targets begin with bos_token.
    """
    is_opennmt = steering.start == steering.begin and PADDING not in vocabularies.sources
    return steering.adds_end or not is_opennmt


def numbered(tokens: Sequence[str]) -> dict[str, int]:
    """The first of a name that is there twice, as in CTranslate2."""
    return {token: number for number, token in reversed([*enumerate(tokens)])}


def _find(path: Path, name: str) -> Path | None:
    files = [path / f"{name}{ending}" for ending in ENDINGS]
    return next((file for file in files if os.path.lexists(file)), None)


def _read(path: Path) -> list[str]:
    try:
        text = path.read_bytes().decode()
        tokens = json.loads(text) if path.suffix == ".json" else _lines(text)
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise CheckpointError(f"{path} holds no JSON list of tokens")
    return tokens


def _lines(text: str) -> list[str]:
    """As CTranslate2 reads them: a carriage return is of a token unless all lines have one."""
    lines = text.removesuffix("\n").split("\n")
    if all(line.endswith("\r") for line in lines):
        return [line.removesuffix("\r") for line in lines]
    return lines
