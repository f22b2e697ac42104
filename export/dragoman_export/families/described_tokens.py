"""The tokenizer of a model that a user trained himself: sentencepiece's files, or tokenizer.json.

Knows the files, and which tokens no text may yield. Does not know weights.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer

from dragoman.v1.bundle_pb2 import SpecialTokens, TokenizerFiles
from dragoman_export.checkpoints import CheckpointTokenizer, read_vocabulary, refuse_pointers
from dragoman_export.errors import CheckpointError
from dragoman_export.families.described import Description, VocabularySizes
from dragoman_export.families.library_tokens import without
from dragoman_export.families.safe_pieces import read_model

SOURCE_MODEL, TARGET_MODEL = "source.spm", "target.spm"
VOCABULARY, TARGET_VOCABULARY = "vocab.json", "target_vocab.json"
LIBRARY, TARGET_LIBRARY = "tokenizer.json", "target_tokenizer.json"

FILES = f"{SOURCE_MODEL} of sentencepiece or {LIBRARY} of the tokenizers library"

Piece = sentencepiece_model_pb2.ModelProto.SentencePiece


class TokenizerParts(NamedTuple):
    """What a tokenizer is made of, and what is wrong with it."""

    contents: Mapping[str, str | bytes]
    files: TokenizerFiles
    problems: Sequence[str]

    def tokenizer(self, path: Path, description: Description) -> CheckpointTokenizer:
        """Loads it; it is from the folder `path`.

        Raises:
            CheckpointError: It has problems, or a file is no tokenizer's.
        """
        if self.problems:
            what = f"the tokenizer of {path} cannot be used:"
            raise CheckpointError.listing(what, self.problems)
        return CheckpointTokenizer(self.contents, self.files, _special(description))


def read_tokenizer(path: Path, description: Description, sizes: VocabularySizes) -> TokenizerParts:
    """The parts of the tokenizer in a folder.

    Raises:
        CheckpointError: There is none, or a file cannot be read.
    """
    there = {name for name in (SOURCE_MODEL, LIBRARY) if (path / name).is_file()}
    if len(there) != 1:
        found = "both" if there else "neither"
        raise CheckpointError(f"checkpoint {path} needs {FILES}, and has {found}")
    read = _library_parts if LIBRARY in there else _sentencepiece_parts
    return read(path, description, sizes)


def _special(description: Description) -> SpecialTokens:
    return SpecialTokens(
        decoder_start_id=description.decoder_start_id,
        end_id=description.end_id,
        unknown_id=description.unknown_id,
        suppressed_ids=description.suppressed_ids,
    )


class _Side(NamedTuple):
    """The tokenizer of sources or of targets."""

    file: str
    model: sentencepiece_model_pb2.ModelProto
    vocabulary: Mapping[str, int]
    is_own: bool
    """Whether the ids are the model's own."""
    steering: Collection[int]
    size: int

    def problems(self, unknown_id: int) -> Iterator[str]:
        """What does not fit the settings."""
        if any(not 0 <= i < self.size for i in self.vocabulary.values()):
            yield f"{self.file} has ids outside the model's vocabulary of {self.size}"
        for piece in self.model.pieces:
            token_id = self.vocabulary.get(piece.piece)
            if piece.type == Piece.NORMAL and token_id in self.steering:
                yield f"the token {token_id} is the ordinary piece {piece.piece!r} in {self.file}"
            if self.is_own and piece.type == Piece.UNKNOWN and token_id != unknown_id:
                yield f"unknown_id is {unknown_id}; {self.file} has {token_id}"

    def controls(self) -> set[int]:
        """Tokens that are no text."""
        pieces = (piece.piece for piece in self.model.pieces if piece.type == Piece.CONTROL)
        named = {self.vocabulary[piece] for piece in pieces if piece in self.vocabulary}
        return {*self.steering, *named}

    def safe_model(self) -> bytes:
        """The model, that takes the name of what steers for text."""
        safe = sentencepiece_model_pb2.ModelProto()
        safe.CopyFrom(self.model)
        for piece in safe.pieces:
            is_steering = self.vocabulary.get(piece.piece) in self.steering
            if piece.type == Piece.USER_DEFINED and is_steering:
                piece.type = Piece.CONTROL
        return bytes(safe.SerializeToString())


def _sentencepiece_parts(
    path: Path, description: Description, sizes: VocabularySizes
) -> TokenizerParts:
    source, target = _sides(path, description, sizes)
    is_separate = source.vocabulary != target.vocabulary
    steering = {description.end_id, description.unknown_id}
    controls, hidden = source.controls() - steering, target.controls() - steering
    if not is_separate:
        controls = hidden = (controls | hidden) - {description.decoder_start_id}
    contents: dict[str, str | bytes] = {
        SOURCE_MODEL: source.safe_model(),
        TARGET_MODEL: target.safe_model(),
        VOCABULARY: json.dumps(source.vocabulary, ensure_ascii=False),
    }
    if is_separate:
        contents[TARGET_VOCABULARY] = json.dumps(target.vocabulary, ensure_ascii=False)
    files = TokenizerFiles(
        kind="sentencepiece",
        source_model_path=SOURCE_MODEL,
        target_model_path=TARGET_MODEL,
        vocabulary_path=VOCABULARY,
        target_vocabulary_path=TARGET_VOCABULARY if is_separate else "",
        control_ids=sorted(controls),
        hidden_ids=sorted(hidden),
    )
    problems = [each for side in (source, target) for each in side.problems(description.unknown_id)]
    return TokenizerParts(contents, files, [*dict.fromkeys(problems)])


def _sides(path: Path, description: Description, sizes: VocabularySizes) -> tuple[_Side, _Side]:
    """The tokenizers of sources and targets, which may be the same."""
    names = [SOURCE_MODEL, TARGET_MODEL] if (path / TARGET_MODEL).is_file() else [SOURCE_MODEL]
    models = [read_model(path / name) for name in names]
    vocabularies = [
        read_vocabulary(path, name)
        for name in (VOCABULARY, TARGET_VOCABULARY)
        if (path / name).is_file()
    ]
    if is_own := not (path / VOCABULARY).is_file():
        if vocabularies:
            raise CheckpointError(f"{path} has {TARGET_VOCABULARY} and no {VOCABULARY}")
        vocabularies = [
            {piece.piece: i for i, piece in enumerate(model.pieces)} for model in models
        ]
    source_ids, target_ids = description.source_ids, description.target_ids
    if vocabularies[0] == vocabularies[-1]:
        source_ids = target_ids = source_ids | target_ids
    return (
        _Side(names[0], models[0], vocabularies[0], is_own, source_ids, sizes.sources),
        _Side(names[-1], models[-1], vocabularies[-1], is_own, target_ids, sizes.targets),
    )


def _library_parts(path: Path, description: Description, sizes: VocabularySizes) -> TokenizerParts:
    names = [LIBRARY, TARGET_LIBRARY] if (path / TARGET_LIBRARY).is_file() else [LIBRARY]
    sides = [(description.source_ids, sizes.sources), (description.target_ids, sizes.targets)]
    if len(names) == 1:
        sides = [(description.source_ids | description.target_ids, min(sizes))]
    problems: list[str] = []
    contents: dict[str, str | bytes] = {}
    unreachable: set[int] = set()
    for name, (steering, size) in zip(names, sides, strict=True):
        text, tokenizer = _read_library(path / name)
        ids = tokenizer.get_vocab().values()
        if any(i >= size for i in ids):
            problems.append(f"{name} has ids outside the model's vocabulary of {size}")
        added = tokenizer.get_added_tokens_decoder().items()
        unreachable = {*steering, description.unknown_id, *(i for i, t in added if t.special)}
        contents[name] = json.dumps(without(json.loads(text), unreachable), ensure_ascii=False)
    steering = {description.end_id, description.decoder_start_id, description.unknown_id}
    files = TokenizerFiles(
        kind="tokenizers",
        source_model_path=names[0],
        target_model_path=names[-1],
        control_ids=sorted(unreachable - steering),
        hidden_ids=sorted(unreachable - steering),
    )
    return TokenizerParts(contents, files, problems)


def _read_library(path: Path) -> tuple[str, Tokenizer]:
    refuse_pointers([path])
    try:
        text = path.read_text(encoding="utf-8")
        return text, Tokenizer.from_str(text)
    except Exception as error:  # the library raises nothing more precise
        raise CheckpointError(f"{path} is no file of the tokenizers library: {error}") from error
