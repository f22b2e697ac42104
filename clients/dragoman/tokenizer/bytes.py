"""Text to token ids and back where every byte of UTF-8 is a token, as in ByT5.

Needs no files.
"""

from collections.abc import Sequence

from dragoman.v1.bundle_pb2 import SpecialTokens

OFFSET = 3
"""Ids before that of byte 0: padding, the end token, the unknown one."""

BYTES = 256


class ByteTokenizer:
    """Bytes of UTF-8. Source: transformers' `ByT5Tokenizer`."""

    def __init__(self, special: SpecialTokens) -> None:
        self._end_id = special.end_id

    def encode(self, text: str) -> list[int]:
        """Returns the source token ids of `text`, ending with the end token."""
        return [*self.encode_target(text), self._end_id]

    def encode_target(self, text: str) -> list[int]:
        """Returns the target token ids of `text`, without an end token."""
        return [byte + OFFSET for byte in text.encode()]

    def decode(self, token_ids: Sequence[int]) -> str:
        """Returns the text of target `token_ids`; what is no UTF-8 among them gives none."""
        said = [token_id - OFFSET for token_id in token_ids if 0 <= token_id - OFFSET < BYTES]
        return bytes(said).decode(errors="ignore")

    def target_pieces(self) -> dict[int, str]:
        """Returns what each target token says, as Latin-1 has it."""
        return {byte + OFFSET: chr(byte) for byte in range(BYTES)}
