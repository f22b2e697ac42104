"""The tokenizer files of a checkpoint, and the tokenizer that the server will make of them.

Knows files and what a bundle says of them. Does not know which tokens steer a model.
"""

import shutil
from pathlib import Path

from sentencepiece import SentencePieceProcessor

from dragoman.tokenizer import VISIBLE_SPACE, SentencePieceTokenizer, read_ids
from dragoman.v1.bundle_pb2 import SpecialTokens, TokenizerFiles
from dragoman_export.errors import CheckpointError

SOURCE_MODEL, TARGET_MODEL, VOCABULARY = "source.spm", "target.spm", "vocab.json"
TARGET_VOCABULARY = "target_vocab.json"
"""Where targets have a vocabulary of their own."""

MOST_PROBES = 2000
"""Texts beside those to verify on whose tokens are compared."""


def read_vocabulary(checkpoint: Path, name: str = VOCABULARY) -> dict[str, int]:
    """Pieces and their ids.

    Raises:
        CheckpointError: A tokenizer file is missing, or the vocabulary is no JSON object of ids.
    """
    needed = dict.fromkeys((SOURCE_MODEL, TARGET_MODEL, VOCABULARY, name))
    missing = [file for file in needed if not (checkpoint / file).is_file()]
    if missing:
        raise CheckpointError(f"checkpoint {checkpoint} lacks {', '.join(missing)}")
    try:
        return read_ids(checkpoint / name)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {checkpoint / name}: {error}") from error


class CheckpointTokenizer(SentencePieceTokenizer):
    """The server's tokenizer, of a checkpoint's files."""

    def __init__(self, checkpoint: Path, files: TokenizerFiles, special: SpecialTokens) -> None:
        """Loads it.

        Args:
            checkpoint: Directory that the paths of `files` are relative to.
            files: What a bundle will say of the tokenizer, but for its directory.
            special: Ids with a meaning of their own.

        Raises:
            CheckpointError: A file is no sentencepiece model.
        """
        try:
            super().__init__(checkpoint, files, special)
        except (OSError, RuntimeError) as error:
            names = f"{files.source_model_path} or {files.target_model_path}"
            raise CheckpointError(
                f"{checkpoint}: {names} is no sentencepiece model: {error}"
            ) from error
        self._checkpoint = checkpoint
        self._files = files
        self._special = special

    def control_names(self) -> frozenset[str]:
        """What is text in a text, though the vocabulary has a token of that name."""
        special, controls = self._special, set(self._files.control_ids)
        controls |= {special.end_id, special.decoder_start_id, special.unknown_id}
        vocabulary = read_vocabulary(self._checkpoint)
        return frozenset(piece for piece, i in vocabulary.items() if i in controls)

    def probes(self) -> list[str]:
        """Texts that show where tokenizers differ: added tokens, and what `source.spm` lacks."""
        model = SentencePieceProcessor(model_file=str(self._checkpoint / SOURCE_MODEL))
        added = [f"one {token.text} or two{token.text}." for token in self._files.added_tokens]
        lacking = [
            piece.replace(VISIBLE_SPACE, " ")
            for piece in read_vocabulary(self._checkpoint)
            if model.piece_to_id(piece) == model.unk_id()
        ]
        return [*added, *sorted(lacking, key=len)][:MOST_PROBES]

    def save(self, directory: Path) -> None:
        """Copies the files into a new `directory`."""
        directory.mkdir()
        for name in _paths(self._files):
            shutil.copyfile(self._checkpoint / name, directory / name)

    def describe(self, directory: str) -> TokenizerFiles:
        """What a bundle says of the files that were saved into its `directory`."""
        files = TokenizerFiles()
        files.CopyFrom(self._files)
        files.source_model_path = f"{directory}/{files.source_model_path}"
        files.target_model_path = f"{directory}/{files.target_model_path}"
        files.vocabulary_path = f"{directory}/{files.vocabulary_path}"
        if files.target_vocabulary_path:
            files.target_vocabulary_path = f"{directory}/{files.target_vocabulary_path}"
        return files


def _paths(files: TokenizerFiles) -> list[str]:
    paths = [files.source_model_path, files.target_model_path, files.vocabulary_path]
    return [*paths, files.target_vocabulary_path] if files.target_vocabulary_path else paths
