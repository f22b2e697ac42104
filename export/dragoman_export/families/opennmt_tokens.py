"""The vocabularies and the tokenizer of OpenNMT-py's and Eole's models.

Sources are pieces alone; targets begin with the start token and end with the end token. Such a
model takes and gives tokens: what made them is named in its settings, and lies beside it. Does not
know weights.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from dragoman.v1.bundle_pb2 import SpecialTokens
from dragoman_export.checkpoints import CheckpointTokenizer, Settings
from dragoman_export.checkpoints.files import refuse_pointers
from dragoman_export.errors import CheckpointError
from dragoman_export.families.ctranslate2_config import Steering
from dragoman_export.families.ctranslate2_tokens import (
    LOOKED_FOR,
    find_models,
    pieces_tokenizer,
)
from dragoman_export.families.ctranslate2_vocabularies import Vocabularies, find_ids

SENTENCEPIECE, OPENNMT_TOKENIZER = "sentencepiece", "onmt_tokenize"

WITHOUT_EFFECT = (
    "filtertoolong",
    "filterfeats",
    "clean",
    "switchout",
    "tokendrop",
    "tokenmask",
    "bart",
)
"""Transforms that change what a model is trained on, and nothing that it translates."""

MODELS = ("src_subword_model", "tgt_subword_model")

MAX_DECODING_LENGTH = 250
"""Both toolkits' own where nobody says another."""


class Sides(NamedTuple):
    """The vocabularies of sources and targets, whatever is wrong with them."""

    vocabularies: Vocabularies

    inserted: int | None
    """Id of the end token among sources, where it had to be put there."""

    @property
    def sizes(self) -> tuple[int, int]:
        """Tokens of sources and of targets."""
        return len(self.vocabularies.sources), len(self.vocabularies.targets)


class Tokens(NamedTuple):
    """Ids of the tokens that steer a model."""

    start_id: int
    end_id: int
    unknown_id: int


class Specials(NamedTuple):
    """Names of the tokens that steer a model."""

    unknown: str = "<unk>"
    end: str = "</s>"
    start: str = "<s>"


def read_sides(sources: Sequence[str], targets: Sequence[str], specials: Specials) -> Sides:
    """The vocabularies of a model.

    Versions of OpenNMT-py before the third give sources no end token, which nothing asks for; here
    it has one id on both sides.
    """
    inserted = None
    if specials.end not in sources and specials.end in targets:
        inserted = min(targets.index(specials.end), len(sources))
        sources = [*sources[:inserted], specials.end, *sources[inserted:]]
    return Sides(Vocabularies(sources, targets, is_shared=sources == targets), inserted)


def read_tokens(vocabularies: Vocabularies, specials: Specials) -> tuple[Tokens | None, list[str]]:
    """The ids of special tokens, and what hinders that; then there are none."""
    steering = Steering(
        unknown=specials.unknown,
        begin=None,
        end=specials.end,
        start=specials.start,
        adds_begin=False,
        adds_end=False,
        norm_epsilon=0.0,
    )
    ids, problems = find_ids(vocabularies, steering, None)
    if problems or ids is None:
        return None, problems
    assert ids.start is not None  # it has a name
    return Tokens(ids.start, ids.end, ids.unknown), []


def are_tokens(tokens: object) -> bool:
    """Whether it is a list of names."""
    return isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)


def transform_problems(
    transforms: Sequence[str], settings: Mapping[str, Settings]
) -> Iterator[str]:
    """What of a model's transforms is not supported.

    Args:
        transforms: Their names.
        settings: Of each, by its name.
    """
    for name in dict.fromkeys(transforms):
        own = settings.get(name, {})
        if name in (SENTENCEPIECE, OPENNMT_TOKENIZER):
            yield from _restricted(name, own)
        if name == OPENNMT_TOKENIZER:
            yield from _opennmt_tokenizer_problems(own)
        elif name not in (SENTENCEPIECE, *WITHOUT_EFFECT):
            yield (
                f"transforms has {name!r}, which is not supported; {SENTENCEPIECE} is, and what "
                "has no effect on a translation"
            )


def _restricted(transform: str, settings: Settings) -> Iterator[str]:
    """Pieces that sentencepiece would make and is told not to."""
    for side in ("src", "tgt"):
        threshold = settings.get(f"{side}_vocab_threshold")
        if settings.get(f"{side}_subword_vocab") and threshold:
            yield f"{transform}: {side}_vocab_threshold is {threshold!r}; only 0 is supported"


def _opennmt_tokenizer_problems(settings: Settings) -> Iterator[str]:
    """It is sentencepiece by another name where it cuts no words."""
    for name in ("mapped_tokens", "gpt2_pretok"):
        if settings.get(name):
            yield f"{OPENNMT_TOKENIZER}: {name} is {settings[name]!r}, which is not supported"
    for side in ("src", "tgt"):
        kind, mode = settings.get(f"{side}_subword_type"), settings.get(f"{side}_onmttok_kwargs")
        spelled = str({"mode": "none"} if mode is None else mode).replace('"', "'")
        if kind not in (None, SENTENCEPIECE) or "'mode': 'none'" not in spelled:
            yield (
                f"transforms has {OPENNMT_TOKENIZER!r} with {side}_subword_type {kind!r} and "
                f"{side}_onmttok_kwargs {mode!r}; only sentencepiece in mode none is supported"
            )


def find_tokenizer(path: Path, settings: Settings) -> Mapping[str, Path]:
    """The files of the tokenizer beside a model, by the names that they will have.

    Args:
        path: Folder of the model.
        settings: May name the files as they were called in training.

    Raises:
        CheckpointError: There is none.
    """
    found = _named_models(path, settings) or find_models(path)
    if not found:
        wanted = [Path(name).name for name in _names(settings)]
        named = f"{' and '.join(wanted)} as in its settings, or " if wanted else ""
        raise CheckpointError(
            f"{path} has no tokenizer: put the sentencepiece model beside it, {named}one of "
            f"{LOOKED_FOR.rpartition(', ')[0]}"
        )
    refuse_pointers([path / name for name in found])
    return {name: path / name for name in found}


def read_tokenizer(
    files: Mapping[str, Path], vocabularies: Vocabularies, tokens: Tokens
) -> CheckpointTokenizer:
    """The tokenizer of a model.

    Raises:
        CheckpointError: It is damaged, or none of this model.
    """
    special = SpecialTokens(
        decoder_start_id=tokens.start_id,
        end_id=tokens.end_id,
        unknown_id=tokens.unknown_id,
    )
    return pieces_tokenizer(files, vocabularies, special, bare=True)


def _names(settings: Settings) -> list[str]:
    named = [settings.get(each) for each in MODELS]
    return [name for name in dict.fromkeys(named) if isinstance(name, str) and name]


def _named_models(path: Path, settings: Settings) -> list[str]:
    """Those that the settings name, if all of them are there."""
    names = [Path(name).name for name in _names(settings)]
    return names if all((path / name).is_file() for name in names) else []
