"""What a Marian checkpoint says of its tokens: vocabularies, added tokens, those that steer it.

Source of the rules: transformers' `MarianTokenizer`, which is asked for what its many files add up
to. Does not know weights or languages.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sentencepiece import SentencePieceProcessor

from dragoman.tokenizer import VISIBLE_SPACE
from dragoman.v1.bundle_pb2 import AddedToken, SpecialTokens, TokenizerFiles
from dragoman_export.checkpoints import (
    Checkpoint,
    CheckpointTokenizer,
    Settings,
    read_vocabulary,
    tidied,
)
from dragoman_export.errors import CheckpointError
from dragoman_export.families.bart_settings import shares_embedding, vocabulary_sizes
from dragoman_export.model import Target
from dragoman_export.verification import ReferenceTokenizer

SOURCE_MODEL, TARGET_MODEL, VOCABULARY = "source.spm", "target.spm", "vocab.json"
TARGET_VOCABULARY = "target_vocab.json"
"""Where targets have a vocabulary of their own."""

UNKNOWN_PIECE = "<unk>"
END_PIECE = "</s>"
PADDING_PIECE = "<pad>"

REQUIRED_VALUES = {"split_special_tokens": False, "sp_model_kwargs": {}}
"""Settings of tokenizer_config.json of which we support one value."""


LABEL = re.compile(r">>(?P<label>[^\s<>\u2581]*[^\W_][^\s<>\u2581]*)<<")
"""A token that names a target language: `>>`, something with a letter or a digit, `<<`."""


class Vocabularies(NamedTuple):
    """Pieces and their ids."""

    source: dict[str, int]

    target: dict[str, int] | None
    """None where targets have the sources' vocabulary."""


class MarianTokens(NamedTuple):
    """All tokens of a checkpoint."""

    vocabulary: dict[str, int]
    """Source pieces and their ids, added tokens included."""

    is_separate: bool
    """Whether targets have a vocabulary of their own."""

    added: Sequence[AddedToken]

    hidden_ids: Sequence[int]
    """Ids that give no text."""


def read_vocabularies(checkpoint: Checkpoint) -> Vocabularies:
    """Reads vocab.json and, where targets have their own, target_vocab.json.

    Raises:
        CheckpointError: A tokenizer file is missing or damaged.
    """
    models = (SOURCE_MODEL, TARGET_MODEL)
    source, target = read_vocabulary(checkpoint.path, VOCABULARY, *models), None
    if checkpoint.tokenizer_config.get("separate_vocabs"):
        target = read_vocabulary(checkpoint.path, TARGET_VOCABULARY)
    return Vocabularies(source, target)


def vocabulary_problems(
    checkpoint: Checkpoint, vocabularies: Vocabularies, settings: Settings
) -> Iterator[str]:
    """What of them is not supported, or not as the settings say."""
    for name, value in REQUIRED_VALUES.items():
        found = checkpoint.tokenizer_config.get(name)
        if found not in (None, value):
            yield f"tokenizer_config.json: {name} is {found!r}; only {value!r} is supported"
    source, target = vocabularies
    if UNKNOWN_PIECE not in source:
        yield f"vocab.json has no {UNKNOWN_PIECE}"
    sizes = vocabulary_sizes(settings)
    if target is None:
        smallest = min(filter(None, sizes), default=0)
        files = [(VOCABULARY, source, smallest)]
    else:
        files = [
            (VOCABULARY, source, sizes.sources),
            (TARGET_VOCABULARY, target, sizes.targets),
        ]
    for file, ids, size in files:
        if size and not all(0 <= i < size for i in ids.values()):
            yield f"{file} has ids outside the model's vocabulary of {size}"
    if target is not None:
        yield from _different_special_tokens(source, target, is_one=shares_embedding(settings))


def read_tokens(
    checkpoint: Checkpoint,
    vocabularies: Vocabularies,
    size: int,
    kept: Collection[str] | None = None,
) -> MarianTokens:
    """Asks transformers what was added to the vocabularies.

    Args:
        checkpoint: Whose they are.
        vocabularies: As read.
        size: Tokens of the model.
        kept: As for `tidied`.

    Raises:
        CheckpointError: transformers cannot load them, or the model has no such tokens.
    """
    with tidied(checkpoint.path, kept) as tidy:
        own = ReferenceTokenizer(tidy)
    added = own.added_tokens()
    outside = [token for token in added if not 0 <= token.id < size]
    if outside:
        raise CheckpointError(
            f"{checkpoint.path}: the added token {outside[0].text!r} has the id {outside[0].id}, "
            f"outside the model's vocabulary of {size}"
        )
    named = {token.text: token.id for token in added}
    is_separate = vocabularies.target is not None
    return MarianTokens(vocabularies.source | named, is_separate, added, own.hidden_ids())


def make_tokenizer(
    path: Path, tokens: MarianTokens, special: SpecialTokens, pad_id: int
) -> CheckpointTokenizer:
    """The tokenizer that the server will have.

    Raises:
        CheckpointError: A file is no sentencepiece model.
    """
    targets = {i for target in find_targets(tokens.vocabulary) for i in target.source_prefix_ids}
    steering = {special.end_id, special.decoder_start_id, special.unknown_id}
    controls = targets.union({pad_id}, special.suppressed_ids) - steering
    if tokens.is_separate:  # what is suppressed is a target, and no source for it
        padding = tokens.vocabulary.get(PADDING_PIECE, pad_id)
        controls = targets.union({pad_id, padding}) - {special.end_id, special.unknown_id}
    files = TokenizerFiles(
        kind="sentencepiece",
        source_model_path=SOURCE_MODEL,
        target_model_path=TARGET_MODEL,
        vocabulary_path=VOCABULARY,
        target_vocabulary_path=TARGET_VOCABULARY if tokens.is_separate else "",
        added_tokens=[t for t in tokens.added if t.id not in controls | steering],
        control_ids=sorted(controls),
        hidden_ids=sorted({pad_id, *tokens.hidden_ids} - steering),
    )
    names = [SOURCE_MODEL, TARGET_MODEL, files.vocabulary_path, files.target_vocabulary_path]
    contents = {name: path / name for name in names if name}
    return sentencepiece_tokenizer(contents, files, special, tokens.vocabulary)


def find_targets(vocabulary: Mapping[str, int]) -> list[Target]:
    """The languages that a token of the vocabulary names, by the tokens' ids."""
    by_id = sorted(vocabulary.items(), key=lambda item: item[1])
    matches = ((LABEL.fullmatch(piece), token_id) for piece, token_id in by_id)
    return [Target(match["label"], match[0], (token_id,)) for match, token_id in matches if match]


def sentencepiece_tokenizer(
    contents: Mapping[str, Path | str],
    files: TokenizerFiles,
    special: SpecialTokens,
    vocabulary: Mapping[str, int],
) -> CheckpointTokenizer:
    """The tokenizer of these files, with what shows where tokenizers differ.

    That is added tokens, and what the source's sentencepiece model lacks.

    Args:
        contents: As for CheckpointTokenizer.
        files: Likewise.
        special: Likewise.
        vocabulary: Source pieces and their ids.

    Raises:
        CheckpointError: A file is no sentencepiece model.
    """
    steering = {special.end_id, special.decoder_start_id, special.unknown_id}
    controls = steering.union(files.control_ids)
    model = contents[files.source_model_path]
    assert isinstance(model, Path)
    return CheckpointTokenizer(
        contents,
        files,
        special,
        control_names=[piece for piece, i in vocabulary.items() if i in controls],
        probes=_probes(files.added_tokens, model, vocabulary),
    )


def _probes(added: Iterable[AddedToken], source_model: Path, pieces: Iterable[str]) -> list[str]:
    try:
        model = SentencePieceProcessor(model_file=str(source_model))
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"{source_model} is no sentencepiece file: {error}") from error
    lacking = [
        piece.replace(VISIBLE_SPACE, " ")
        for piece in pieces
        if model.piece_to_id(piece) == model.unk_id()
    ]
    beside = [f"one {token.text} or two{token.text}." for token in added]
    return [*beside, *sorted(lacking, key=len)]


def _different_special_tokens(
    source: dict[str, int], target: dict[str, int], *, is_one: bool
) -> Iterator[str]:
    """A model is told one id of each; its padding is no target but in a shared embedding."""
    for piece in (UNKNOWN_PIECE, END_PIECE, *([PADDING_PIECE] if is_one else [])):
        if source.get(piece) != target.get(piece):
            yield (
                f"{piece} is {source.get(piece)} in {VOCABULARY} and "
                f"{target.get(piece)} in {TARGET_VOCABULARY}; they must be the same"
            )
