"""Text to token ids and back: the tokenizers that export verifies and the server runs.

Knows what a bundle says of its tokenizer; does not know models or checkpoints. It needs
sentencepiece, tokenizers and sacremoses, which a bare client does not have and does not ask for.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from dragoman.tokenizer.bytes import ByteTokenizer
from dragoman.tokenizer.pieces import VISIBLE_SPACE, SentencePieceTokenizer, read_ids
from dragoman.tokenizer.spans import NOWHERE, Span
from dragoman.v1.bundle_pb2 import SpecialTokens, TokenizerFiles

__all__ = [
    "NOWHERE",
    "VISIBLE_SPACE",
    "SentencePieceTokenizer",
    "Span",
    "Tokenizer",
    "open_tokenizer",
    "read_ids",
]


class Tokenizer(Protocol):
    """Text to token ids and back. What steers the model is never in a text."""

    def encode(self, text: str) -> list[int]:
        """Returns the source token ids of `text`, ending with the end token if sources have one."""

    def encode_target(self, text: str) -> list[int]:
        """Returns the target token ids of `text`, without an end token."""

    def decode(self, token_ids: Sequence[int]) -> str:
        """Returns the text of target `token_ids`.

        Special tokens, the unknown one among them, and ids that no piece has give no text.
        """

    def target_pieces(self) -> dict[int, str]:
        """Returns what each target token says, with a space before it where it begins a word.

        None where tokens do not tell, as some end words and do not begin them.
        """

    def source_spans(self, text: str) -> list[Span]:
        """Returns where in `text` each token of `encode(text)` stands; the end token is nowhere."""

    def target_spans(self, token_ids: Sequence[int]) -> list[Span]:
        """Returns where each token stands in `decode(token_ids)`."""

    def source_tokens(self, token_ids: Sequence[int]) -> list[str]:
        """Returns the names of source tokens, as the vocabulary has them."""

    def target_tokens(self, token_ids: Sequence[int]) -> list[str]:
        """Returns those of target tokens."""


def open_tokenizer(directory: Path, files: TokenizerFiles, special: SpecialTokens) -> Tokenizer:
    """Reads the files of a tokenizer.

    Args:
        directory: What the paths are relative to.
        files: What a bundle says of its tokenizer.
        special: Ids with a meaning of their own.

    Raises:
        OSError, RuntimeError, ValueError: A file is missing or damaged, or the kind is unknown.
    """
    if files.kind == "sentencepiece":
        return SentencePieceTokenizer(directory, files, special)
    if files.kind == "tokenizers":
        # Imported where it is needed: it takes a while.
        from dragoman.tokenizer.library import LibraryTokenizer  # noqa: PLC0415

        return LibraryTokenizer(directory, files, special)
    if files.kind == "bytes":
        return ByteTokenizer(special)
    if files.kind == "moses":
        from dragoman.tokenizer.moses import MosesTokenizer  # noqa: PLC0415

        return MosesTokenizer(directory, files, special)
    raise ValueError(
        f"tokenizer kind {files.kind!r}; allowed: sentencepiece, tokenizers, bytes, moses"
    )
