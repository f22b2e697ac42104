"""The vocabularies beside a Marian model, and the tokenizer that they make.

A vocabulary is a sentencepiece model, or a list of the pieces that sentencepiece models or
subword-nmt's codes beside it cut texts into. Source of the rules: marian-dev,
`data/default_vocab.cpp` and
`data/sentencepiece_vocab.cpp`. Does not know weights.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sentencepiece import SentencePieceProcessor

from dragoman.v1.bundle_pb2 import Moses, SpecialTokens, TokenizerFiles
from dragoman_export.checkpoints import CheckpointTokenizer
from dragoman_export.checkpoints.files import refuse_pointers
from dragoman_export.checkpoints.marian_file import read_yaml
from dragoman_export.errors import CheckpointError
from dragoman_export.families.fairseq_files import read_lines, read_merges, with_word_ends
from dragoman_export.families.marian_tokens import (
    END_PIECE,
    UNKNOWN_PIECE,
    find_targets,
    sentencepiece_tokenizer,
)
from dragoman_export.families.moses_tokens import Contents, moses_tokenizer

MODEL = ".spm"
"""Ends the name of a vocabulary that is a sentencepiece model."""
LISTS = (".yml", ".yaml", ".json", ".txt", ".vocab")
"""End those of others; all but the last two are YAML."""
TEXTS = (".txt", ".vocab")

PAIR = ("source.spm", "target.spm")
CODES = ("source.bpe", "target.bpe", "bpe.codes", "codes")
"""Names of codes; what cuts sources comes first."""

FIRST = ("src", "source")
"""Begin the name of the vocabulary of sources."""

CONTROL_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(32))
"""Pieces that Marian never says, if there are any."""

HOW = "name them in decoder.yml as Marian does: vocabs: [source.spm, target.spm]"


class Vocabulary(NamedTuple):
    """Pieces and their ids."""

    path: Path
    ids: dict[str, int]

    @property
    def is_model(self) -> bool:
        """Whether it is a sentencepiece model."""
        return self.path.suffix == MODEL

    @property
    def size(self) -> int:
        """Tokens, gaps in the ids included."""
        return 1 + max(self.ids.values(), default=-1)


class Vocabularies(NamedTuple):
    """Those of sources and targets, which may be the same."""

    sources: Vocabulary
    targets: Vocabulary

    @property
    def is_one(self) -> bool:
        """Whether both have the same ids."""
        return self.sources.ids == self.targets.ids

    @property
    def end_id(self) -> int:
        """Of the end token, if they have no problems."""
        return self.targets.ids[END_PIECE]

    @property
    def unknown_id(self) -> int:
        """Of the unknown token, likewise."""
        return self.targets.ids[UNKNOWN_PIECE]

    @property
    def never_said(self) -> list[int]:
        """What Marian's search leaves out unless it is told otherwise."""
        pieces = (UNKNOWN_PIECE, *CONTROL_BYTES)
        return [self.targets.ids[piece] for piece in pieces if piece in self.targets.ids]

    def problems(self) -> Iterator[str]:
        """What hinders their use."""
        for piece in (END_PIECE, UNKNOWN_PIECE):
            found = [vocabulary.ids.get(piece) for vocabulary in self]
            lacking = [each.path.name for each in self if piece not in each.ids]
            if lacking:
                yield f"{' and '.join(dict.fromkeys(lacking))} has no {piece}"
            elif found[0] != found[1]:
                yield (
                    f"{piece} is {found[0]} in {self.sources.path.name} and {found[1]} in "
                    f"{self.targets.path.name}; they must be the same"
                )


def find_vocabularies(path: Path, model: Path) -> Vocabularies:
    """The vocabularies of a model: those that a decoder.yml names, or the only ones there are.

    Raises:
        CheckpointError: They are not there, damaged, or more than two.
    """
    sources, targets = _find_files(path, model)
    read = _read(sources)
    return Vocabularies(read, read if targets == sources else _read(targets))


def _find_files(path: Path, model: Path) -> tuple[Path, Path]:
    for settings in (path / f"{model.name}.decoder.yml", path / "decoder.yml"):
        if not settings.is_file():
            continue
        told = read_yaml(settings)
        named = told.get("vocabs") if isinstance(told, dict) else None
        if not isinstance(named, list) or not named or not all(map(_is_name, named)):
            raise CheckpointError(f"{settings} names no vocabularies: vocabs is {named!r}")
        # Paths are often those of the machine that trained it.
        files = [path / Path(name).name for name in named]
        if missing := [file.name for file in files if not file.is_file()]:
            raise CheckpointError(f"{path} lacks {', '.join(missing)}, named in {settings.name}")
        return files[0], files[-1]
    return _guess_files(path)


def _is_name(name: object) -> bool:
    return isinstance(name, str) and bool(Path(name).name)


def _guess_files(path: Path) -> tuple[Path, Path]:
    lists = sorted(file for file in path.iterdir() if "vocab" in file.name and file.suffix in LISTS)
    models = sorted(path.glob(f"*{MODEL}"))
    found = lists or models
    first = [file for file in found if file.name.startswith(FIRST)]
    if len(found) == 1:
        return found[0], found[0]
    if len(found) == 2 and len(first) == 1:  # noqa: PLR2004 - of sources, of targets
        return first[0], next(file for file in found if file != first[0])
    names = ", ".join(file.name for file in found) or "none"
    raise CheckpointError(f"{path} has the vocabularies {names}; {HOW}")


def _read(path: Path) -> Vocabulary:
    """Raises CheckpointError where it is damaged."""
    refuse_pointers([path])
    if path.suffix == MODEL:
        pieces = _load(path)
        return Vocabulary(path, {pieces.id_to_piece(i): i for i in range(pieces.get_piece_size())})
    if path.suffix in TEXTS:
        return Vocabulary(path, {piece: i for i, piece in enumerate(read_lines(path))})
    ids = read_yaml(path)
    if not isinstance(ids, dict) or not all(
        isinstance(piece, str) and isinstance(i, str) and i.isdecimal() for piece, i in ids.items()
    ):
        raise CheckpointError(f"{path} is no vocabulary: pieces and their ids are needed")
    return Vocabulary(path, {piece: int(i) for piece, i in ids.items()})


def _load(path: Path) -> SentencePieceProcessor:
    try:
        return SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"{path} is no sentencepiece model: {error}") from error


def read_tokenizer(
    path: Path, vocabularies: Vocabularies, special: SpecialTokens
) -> CheckpointTokenizer:
    """The tokenizer of vocabularies without problems, whose pieces something cuts texts into.

    Raises:
        CheckpointError: That is damaged, or cuts words of a language that nothing names.
    """
    models = _find_models(path, vocabularies)
    if not models:
        return _moses_tokenizer(path, vocabularies, special)
    names = [model.name for model in models]
    vocabulary, target_vocabulary = "vocab.json", "target_vocab.json"
    contents: dict[str, Path | str] = dict(zip(names, models, strict=True))
    contents[vocabulary] = json.dumps(vocabularies.sources.ids, ensure_ascii=False)
    if not vocabularies.is_one:
        contents[target_vocabulary] = json.dumps(vocabularies.targets.ids, ensure_ascii=False)
    steering = {special.end_id, special.unknown_id}
    files = TokenizerFiles(
        kind="sentencepiece",
        source_model_path=names[0],
        target_model_path=names[-1],
        vocabulary_path=vocabulary,
        target_vocabulary_path="" if vocabularies.is_one else target_vocabulary,
        control_ids=sorted(_controls(vocabularies.sources) - steering),
        hidden_ids=sorted(_controls(vocabularies.targets) - steering),
    )
    return sentencepiece_tokenizer(contents, files, special, vocabularies.sources.ids)


def require_tokenizer(path: Path, vocabularies: Vocabularies) -> None:
    """Raises CheckpointError where nothing cuts texts into the vocabularies' pieces."""
    if not _find_models(path, vocabularies) and not _find_codes(path):
        raise CheckpointError(
            f"{path} has nothing that cuts texts into the pieces of "
            f"{vocabularies.sources.path.name}: put {' and '.join(PAIR)} beside it, a "
            f"sentencepiece model for both, or subword-nmt's codes ({', '.join(CODES)})"
        )


def _find_codes(path: Path) -> list[Path]:
    return [path / name for name in CODES if (path / name).is_file()]


def _find_models(path: Path, vocabularies: Vocabularies) -> list[Path]:
    """The sentencepiece models of both, or one for both; none where there are codes instead."""
    if vocabularies.sources.is_model and vocabularies.targets.is_model:
        both = [each.path for each in vocabularies]
        return both if len(set(both)) > 1 else both[:1]
    pair = [path / name for name in PAIR]
    if all(model.is_file() for model in pair):
        return pair
    return sorted(path.glob(f"*{MODEL}"))[:1]


def _controls(vocabulary: Vocabulary) -> set[int]:
    """Ids that no text yields: those that name a language, and control pieces of a model."""
    labels = {i for target in find_targets(vocabulary.ids) for i in target.source_prefix_ids}
    if not vocabulary.is_model:
        return labels
    pieces = _load(vocabulary.path)
    return labels.union(i for i in vocabulary.ids.values() if pieces.is_control(i))


def _moses_tokenizer(
    path: Path, vocabularies: Vocabularies, special: SpecialTokens
) -> CheckpointTokenizer:
    languages = [_language(each.path) for each in vocabularies]
    sources, targets = (with_word_ends(each.ids) for each in vocabularies)
    labels = {
        i for target in find_targets(vocabularies.sources.ids) for i in target.source_prefix_ids
    }
    return moses_tokenizer(
        Contents(read_merges(_find_codes(path)[0]), _json(sources), _json(targets)),
        Moses(source_language=languages[0], target_language=languages[-1]),
        special,
        sources,
        labels,
    )


def _language(path: Path) -> str:
    """By which a vocabulary's name says what Moses must know.

    Raises:
        CheckpointError: It says nothing.
    """
    named = [part for part in path.name.split(".") if len(part) in (2, 3) and part.isalpha()]
    language = next((part for part in named if f".{part}" not in LISTS), None)
    if language is None:
        raise CheckpointError(
            f"{path.name} does not say its language, whose rules Moses cuts words by: name it "
            f"vocab.en{path.suffix} or the like, in decoder.yml too"
        )
    return language


def _json(ids: dict[str, int]) -> str:
    return json.dumps(ids, ensure_ascii=False)
