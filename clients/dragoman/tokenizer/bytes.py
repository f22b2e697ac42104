"""Text to token ids and back where every byte of UTF-8 is a token, as in ByT5.

Needs no files.
"""

from collections.abc import Sequence

from dragoman.tokenizer.spans import NOWHERE, Span
from dragoman.v1.bundle_pb2 import SpecialTokens

OFFSET = 3
"""Ids before that of byte 0: padding, the end token, the unknown one."""

BYTES = 256

NAMES = ("<pad>", "</s>", "<unk>")
"""Of the ids before."""


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

    def source_spans(self, text: str) -> list[Span]:
        """Returns where in `text` each token of `encode(text)` stands; the end token is nowhere."""
        return [*_spans_of_bytes(text), NOWHERE]

    def target_spans(self, token_ids: Sequence[int]) -> list[Span]:
        """Returns where each token stands in `decode(token_ids)`.

        A byte that is part of no character has no place.
        """
        said = bytearray()
        places: list[int] = []
        for place, token_id in enumerate(token_ids):
            if 0 <= token_id - OFFSET < BYTES:
                said.append(token_id - OFFSET)
                places.append(place)
        spans = [NOWHERE] * len(token_ids)
        byte = 0
        for index, character in enumerate(said.decode(errors="ignore")):
            encoded = character.encode()
            byte = said.index(encoded, byte)
            for place in places[byte : byte + len(encoded)]:
                spans[place] = (index, index + 1)
            byte += len(encoded)
        return spans

    def source_tokens(self, token_ids: Sequence[int]) -> list[str]:
        """Returns the names of tokens: a character, or `<0xC3>` of a part of one."""
        return list(map(_name, token_ids))

    def target_tokens(self, token_ids: Sequence[int]) -> list[str]:
        """Likewise."""
        return list(map(_name, token_ids))


def _spans_of_bytes(text: str) -> list[Span]:
    return [
        (index, index + 1)
        for index, character in enumerate(text)
        for _ in character.encode(errors="surrogatepass")
    ]


def _name(token_id: int) -> str:
    if token_id < OFFSET:
        return NAMES[token_id]
    byte = token_id - OFFSET
    return chr(byte) if byte < BYTES // 2 else f"<0x{byte:02X}>"
