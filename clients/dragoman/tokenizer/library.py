"""Text to token ids and back by a tokenizer.json of the tokenizers library.

Knows what a bundle says of its tokenizer; does not know models or checkpoints. Export made special
in the file what no text may yield, and nothing else.
"""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from dragoman.tokenizer.spans import NOWHERE, Span, locate
from dragoman.v1.bundle_pb2 import SpecialTokens, TokenizerFiles

UNREACHABLE = "\t "
"""Before the name of a token that no text may yield: a text has no space once it is cut."""

SPACE_MARKS = ("\u2581", "\u0120")
"""How tokens have a space: sentencepiece's kind and that of bytes."""


class LibraryTokenizer:
    """One tokenizer for sources and one for targets, which may be the same."""

    def __init__(self, directory: Path, files: TokenizerFiles, special: SpecialTokens) -> None:
        """Reads the files.

        Args:
            directory: What the paths are relative to.
            files: What a bundle says of its tokenizer.
            special: Ids with a meaning of their own.

        Raises:
            OSError, ValueError: A file is missing or damaged.
        """
        self._source = _read(directory / files.source_model_path)
        self._target = self._source
        if files.target_model_path != files.source_model_path:
            self._target = _read(directory / files.target_model_path)
        self._ending = [] if files.bare_sources else [special.end_id]
        hidden = {special.end_id, special.decoder_start_id, special.unknown_id, *files.hidden_ids}
        self._shown = frozenset(self._target.get_vocab().values()) - hidden
        self._shows_controls = not self._shown.isdisjoint(files.control_ids)

    def encode(self, text: str) -> list[int]:
        """Returns the source token ids of `text`, ending with the end token if sources have one."""
        token_ids: list[int] = self._source.encode(text, add_special_tokens=False).ids
        return [*token_ids, *self._ending]

    def encode_target(self, text: str) -> list[int]:
        """Returns the target token ids of `text`, without an end token."""
        token_ids: list[int] = self._target.encode(text, add_special_tokens=False).ids
        return token_ids

    def decode(self, token_ids: Sequence[int]) -> str:
        """Returns the text of target `token_ids`.

        Special tokens, the unknown one among them, and ids that no piece has give no text.
        """
        shown = [token_id for token_id in token_ids if token_id in self._shown]
        text: str = self._target.decode(shown, skip_special_tokens=False)
        return text.replace(UNREACHABLE, "") if self._shows_controls else text

    def target_pieces(self) -> dict[int, str]:
        """Returns what each target token says, with a space before it where it begins a word.

        None where tokens have no mark of one of the kinds that begin words.
        """
        pieces = {i: piece for piece, i in self._target.get_vocab().items() if i in self._shown}
        for mark in SPACE_MARKS:
            if any(piece.startswith(mark) for piece in pieces.values()):
                return {i: piece.replace(mark, " ") for i, piece in pieces.items()}
        return {}

    def source_spans(self, text: str) -> list[Span]:
        """Returns where in `text` each token of `encode(text)` stands; the end token is nowhere."""
        spans: list[Span] = self._source.encode(text, add_special_tokens=False).offsets
        return [*spans, *(NOWHERE for _ in self._ending)]

    def target_spans(self, token_ids: Sequence[int]) -> list[Span]:
        """Returns where each token stands in `decode(token_ids)`."""
        return locate(self.decode(token_ids), [self.decode([i]) for i in token_ids])

    def source_tokens(self, token_ids: Sequence[int]) -> list[str]:
        """Returns the names of source tokens, as the vocabulary has them."""
        return _names(self._source, token_ids)

    def target_tokens(self, token_ids: Sequence[int]) -> list[str]:
        """Returns those of target tokens."""
        return _names(self._target, token_ids)


def _names(tokenizer: Tokenizer, token_ids: Sequence[int]) -> list[str]:
    return [tokenizer.id_to_token(i) or f"<{i}>" for i in token_ids]


def _read(path: Path) -> Tokenizer:
    content = path.read_text(encoding="utf-8")
    try:
        tokenizer = Tokenizer.from_str(content)
    except Exception as error:  # the library raises nothing more precise
        raise ValueError(f"{path} is no tokenizer.json: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # as text
    return tokenizer
