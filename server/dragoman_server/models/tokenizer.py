"""Text to token ids and back. Knows nothing of batches, models or the wire."""

import json
from collections.abc import Sequence

from sentencepiece import SentencePieceProcessor

from dragoman_server.errors import BundleError
from dragoman_server.models.bundle import Bundle


class Tokenizer:
    """Marian's scheme: sentencepiece cuts, a vocabulary of its own gives the ids.

    Text never yields a special token: a literal "</s>" is cut like any other text.
    """

    def __init__(self, bundle: Bundle) -> None:
        files, special = bundle.manifest.tokenizer, bundle.manifest.special_tokens
        if files.kind != "sentencepiece":
            raise BundleError(
                f"{bundle.path}: tokenizer kind {files.kind!r}, allowed is 'sentencepiece'"
            )
        self._source = SentencePieceProcessor(model_file=str(bundle.path / files.source_model_path))
        self._target = SentencePieceProcessor(model_file=str(bundle.path / files.target_model_path))
        vocabulary = json.loads((bundle.path / files.vocabulary_path).read_text(encoding="utf-8"))
        self._end_id, self._unknown_id = special.end_id, special.unknown_id
        self._special_ids = {special.end_id, special.decoder_start_id, *special.suppressed_ids}
        # One table lookup a piece: sentencepiece's own ids are those of another vocabulary.
        self._ids = self._ids_of(self._source, vocabulary)
        self._target_ids = self._ids_of(self._target, vocabulary)
        self._pieces = {index: piece for piece, index in vocabulary.items()}

    def encode(self, text: str) -> list[int]:
        """Returns the source token ids of `text`, ending with the end token."""
        ids = self._ids
        return [*(ids[piece] for piece in self._source.encode(text)), self._end_id]

    def encode_target(self, text: str) -> list[int]:
        """Returns the target token ids of `text`, without an end token."""
        return [self._target_ids[piece] for piece in self._target.encode(text)]

    def decode(self, token_ids: Sequence[int]) -> str:
        """Returns the text of target `token_ids`; special tokens give no text."""
        pieces = [self._pieces[i] for i in token_ids if i not in self._special_ids]
        text: str = self._target.decode_pieces(pieces)
        return text.replace("\u2581", " ").strip()  # U+2581: sentencepiece's visible space

    def _ids_of(self, pieces: SentencePieceProcessor, vocabulary: dict[str, int]) -> list[int]:
        """Returns the vocabulary's id of each piece."""
        return [
            self._safe_id(vocabulary.get(pieces.id_to_piece(piece), self._unknown_id))
            for piece in range(pieces.get_piece_size())
        ]

    def _safe_id(self, token_id: int) -> int:
        return self._unknown_id if token_id in self._special_ids else token_id
