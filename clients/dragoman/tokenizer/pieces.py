"""Text to token ids and back by Marian's rule, which is also M2M100's.

sentencepiece cuts a text into pieces, a vocabulary of its own gives the ids. Knows what a bundle
says of its tokenizer; does not know models or checkpoints.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from sentencepiece import SentencePieceProcessor

from dragoman.tokenizer.spans import NOWHERE, Span
from dragoman.v1.bundle_pb2 import AddedToken, SpecialTokens, TokenizerFiles

VISIBLE_SPACE = "\u2581"
"""How sentencepiece writes a space."""


class SentencePieceTokenizer:
    """Two sentencepiece models, a vocabulary or two, and tokens that were added to them.

    What steers the model is never in a text: "</s>" and ">>fr<<" are cut like any other text.
    """

    def __init__(self, directory: Path, files: TokenizerFiles, special: SpecialTokens) -> None:
        """Reads the files.

        Args:
            directory: What the paths are relative to.
            files: What a bundle says of its tokenizer.
            special: Ids with a meaning of their own.

        Raises:
            OSError, RuntimeError, ValueError: A file is missing or damaged.
        """
        vocabulary = read_ids(directory / files.vocabulary_path)
        targets = files.target_vocabulary_path
        target_vocabulary = read_ids(directory / targets) if targets else vocabulary
        steering = {special.end_id, special.decoder_start_id, *special.suppressed_ids}
        controls = steering.union(files.control_ids)
        target_controls = controls
        if targets:  # the other ids are of one of them alone
            controls, target_controls = {special.end_id, *files.control_ids}, steering
        hidden = {special.end_id, special.decoder_start_id, special.unknown_id, *files.hidden_ids}
        self._ending = [] if files.bare_sources else [special.end_id]
        self._added = _AddedTokens([t for t in files.added_tokens if t.id not in controls])
        self._source, self._target = (
            _Pieces(directory / path, _without(ids, steering_ids), special.unknown_id)
            for path, ids, steering_ids in (
                (files.source_model_path, vocabulary, controls),
                (files.target_model_path, target_vocabulary, target_controls),
            )
        )
        named = {i: piece for piece, i in target_vocabulary.items()}
        named |= {token.id: token.text for token in files.added_tokens}
        self._shown = {i: piece for i, piece in named.items() if i not in hidden}
        self._target_names = named
        added = {token.id: token.text for token in files.added_tokens}
        self._source_names = {i: piece for piece, i in vocabulary.items()} | added

    def encode(self, text: str) -> list[int]:
        """Returns the source token ids of `text`, ending with the end token if sources have one."""
        return [*self._encode(text, self._source), *self._ending]

    def encode_target(self, text: str) -> list[int]:
        """Returns the target token ids of `text`, without an end token."""
        return self._encode(text, self._target)

    def decode(self, token_ids: Sequence[int]) -> str:
        """Returns the text of target `token_ids`.

        Special tokens, the unknown one among them, and ids that no piece has give no text.
        """
        shown = self._shown
        return self._target.join([shown[i] for i in token_ids if i in shown])

    def target_pieces(self) -> dict[int, str]:
        """Returns what each target token says, with a space before it where it begins a word."""
        return {i: piece.replace(VISIBLE_SPACE, " ") for i, piece in self._shown.items()}

    def source_spans(self, text: str) -> list[Span]:
        """Returns where in `text` each token of `encode(text)` stands; the end token is nowhere."""
        spans: list[Span] = []
        end = 0
        for part in self._added.cut(text) if self._added else [text]:
            begin = text.index(part, end)
            end = begin + len(part)
            within = [(0, len(part))] if part in self._added.ids else self._source.spans(part)
            spans += [(begin + first, begin + last) for first, last in within]
        return [*spans, *(NOWHERE for _ in self._ending)]

    def target_spans(self, token_ids: Sequence[int]) -> list[Span]:
        """Returns where each token stands in `decode(token_ids)`."""
        shown = self._shown
        spans = iter(self._target.joined_spans([shown[i] for i in token_ids if i in shown]))
        return [next(spans) if i in shown else NOWHERE for i in token_ids]

    def source_tokens(self, token_ids: Sequence[int]) -> list[str]:
        """Returns the names of source tokens, as the vocabulary has them."""
        return [self._source_names.get(i, f"<{i}>") for i in token_ids]

    def target_tokens(self, token_ids: Sequence[int]) -> list[str]:
        """Returns those of target tokens."""
        return [self._target_names.get(i, f"<{i}>") for i in token_ids]

    def _encode(self, text: str, pieces: "_Pieces") -> list[int]:
        if not self._added:
            return pieces.encode(text)
        token_ids: list[int] = []
        for part in self._added.cut(text):
            token_id = self._added.ids.get(part)
            token_ids += pieces.encode(part) if token_id is None else [token_id]
        return token_ids


class _Pieces:
    """One language's sentencepiece model and the ids of its pieces."""

    def __init__(self, model: Path, ids: Mapping[str, int], unknown_id: int) -> None:
        self._model = SentencePieceProcessor(model_file=str(model))
        self._ids = ids
        self._unknown_id = unknown_id
        self._unknown_piece = self._model.unk_id()
        # One table lookup a piece: sentencepiece's own ids are those of another vocabulary.
        self._table = [
            ids.get(self._model.id_to_piece(piece), unknown_id)
            for piece in range(self._model.get_piece_size())
        ]

    def encode(self, text: str) -> list[int]:
        pieces = self._model.encode(text)
        if self._unknown_piece in pieces:
            # What this model does not know, the vocabulary may: it is made for both languages.
            named: list[str] = self._model.encode(text, out_type=str)
            return [self._ids.get(piece, self._unknown_id) for piece in named]
        table = self._table
        return [table[piece] for piece in pieces]

    def join(self, pieces: list[str]) -> str:
        text: str = self._model.decode_pieces(pieces)
        return text.replace(VISIBLE_SPACE, " ").strip()

    def spans(self, text: str) -> list[Span]:
        """Where in a text the pieces of it stand, with the spaces before them."""
        spans: list[Span] = self._model.encode(text, return_type="offset_mapping")["offsets"]
        return spans

    def joined_spans(self, pieces: list[str]) -> list[Span]:
        """Where in `join(pieces)` they stand."""
        joined = self._model.decode(pieces, return_type="offset_mapping") if pieces else None
        if joined is None:
            return []
        text = joined["text"].replace(VISIBLE_SPACE, " ")
        before, length = len(text) - len(text.lstrip()), len(text.strip())
        return [
            (min(max(begin - before, 0), length), min(max(end - before, 0), length))
            for begin, end in joined["offsets"]
        ]


class _AddedTokens:
    """Tokens that are cut out of a text before sentencepiece sees it.

    As transformers does it: the first from the left, the longest of those that begin there.
    """

    def __init__(self, tokens: Sequence[AddedToken]) -> None:
        self.ids = {token.text: token.id for token in tokens}
        self._tokens = {token.text: token for token in tokens}
        longest_first = sorted(self._tokens, key=len, reverse=True)
        self._pattern = re.compile(f"({'|'.join(map(re.escape, longest_first))})")

    def __bool__(self) -> bool:
        return bool(self._tokens)

    def cut(self, text: str) -> list[str]:
        """Returns the parts of a text: added tokens as they are, and what is between them."""
        parts = [part for part in self._pattern.split(text) if part]
        for index in range(len(parts)):
            token = self._tokens.get(parts[index])
            if token is not None:
                _settle(token, parts, index)
        return [part for part in parts if part]


def _settle(token: AddedToken, parts: list[str], index: int) -> None:
    """Takes the spaces beside an added token, or leaves it to a word that it is only a part of."""
    left = parts[index - 1] if index else ""
    right = parts[index + 1] if index + 1 < len(parts) else ""
    if token.rstrip and right:
        parts[index + 1] = right.lstrip()
    if token.lstrip and left:
        parts[index - 1] = left.rstrip()
    if not token.single_word:
        return
    if left and left[-1] != " ":
        parts[index - 1] += token.text
        parts[index] = ""
    elif right and right[0] != " ":
        parts[index + 1] = token.text + parts[index + 1]
        parts[index] = ""


def read_ids(path: Path) -> dict[str, int]:
    """Returns the pieces of a vocabulary file and their ids.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no JSON object of ids.
    """
    vocabulary = json.loads(path.read_text(encoding="utf-8-sig"))
    if not isinstance(vocabulary, dict) or not all(type(i) is int for i in vocabulary.values()):
        raise ValueError(f"{path} is no JSON object of ids")
    return vocabulary


def _without(vocabulary: Mapping[str, int], controls: set[int]) -> dict[str, int]:
    return {piece: i for piece, i in vocabulary.items() if i not in controls}
