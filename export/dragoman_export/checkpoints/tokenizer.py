"""Text to token ids and back with two sentencepiece models and a vocabulary file.

The same rule as the server's: pieces of the text, each looked up in the vocabulary, the end token
after them. A special token's name inside a text is text.
"""

import json
import shutil
from pathlib import Path

import sentencepiece

from dragoman_export.errors import CheckpointError

SOURCE_MODEL, TARGET_MODEL, VOCABULARY = "source.spm", "target.spm", "vocab.json"
FILES = (SOURCE_MODEL, TARGET_MODEL, VOCABULARY)


def read_vocabulary(checkpoint: Path) -> dict[str, int]:
    """Pieces and their ids.

    Raises:
        CheckpointError: A tokenizer file is missing, or the vocabulary is no JSON object of ids.
    """
    missing = [name for name in FILES if not (checkpoint / name).is_file()]
    if missing:
        raise CheckpointError(f"checkpoint {checkpoint} lacks {', '.join(missing)}")
    try:
        vocabulary = json.loads((checkpoint / VOCABULARY).read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"cannot read {checkpoint / VOCABULARY}: {error}") from error
    if not isinstance(vocabulary, dict) or not all(type(i) is int for i in vocabulary.values()):
        raise CheckpointError(f"{checkpoint / VOCABULARY} is no JSON object of ids")
    return vocabulary


class SourceTokenizer:
    """Texts to the token ids that the encoder reads."""

    def __init__(
        self, checkpoint: Path, vocabulary: dict[str, int], unknown_id: int, end_id: int
    ) -> None:
        """Loads the sentencepiece model of a checkpoint's source language.

        Raises:
            CheckpointError: The file is no sentencepiece model.
        """
        model = checkpoint / SOURCE_MODEL
        try:
            self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
        except (OSError, RuntimeError) as error:
            raise CheckpointError(f"{model} is no sentencepiece model: {error}") from error
        self._checkpoint = checkpoint
        self._vocabulary = vocabulary
        self._unknown_id = unknown_id
        self._end_id = end_id

    def encode(self, text: str) -> list[int]:
        """Ids of the text's pieces, then the end token's."""
        pieces: list[str] = self._pieces.encode(text, out_type=str)
        ids = [self._vocabulary.get(piece, self._unknown_id) for piece in pieces]
        return [*ids, self._end_id]

    def save(self, directory: Path) -> None:
        """Copies the files that the server makes its tokenizer of into a new `directory`."""
        directory.mkdir()
        for name in FILES:
            shutil.copyfile(self._checkpoint / name, directory / name)
