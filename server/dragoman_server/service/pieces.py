"""A text as the pieces that are translated: its sentences, each within what the model takes.

Knows sentences and how many tokens they have. Does not know what becomes of them: assembly.py does.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import NamedTuple

from dragoman_server.texts import Span, halves, has_words, one_line, sentences

PIECES_AT_ONCE = 32
"""Tokenised before others have their turn on the event loop."""


PART_TOKENS = 64
"""Of the parts of a sentence that has more tokens than the model takes: of longer ones it would
leave out more."""


class Piece(NamedTuple):
    """A sentence, or a part of one that is too long."""

    span: Span
    """Where it is in the text."""
    source_ids: list[int]


class SplitText(NamedTuple):
    """A text that is translated in pieces."""

    text: str
    pieces: list[Piece]
    """In order. Around and between them is what is not translated."""
    sentences_cut: int
    """Sentences that were too long, and are several pieces."""

    @property
    def rest(self) -> str:
        """What the text has after its last piece."""
        return self.text[self.pieces[-1].span.end :] if self.pieces else self.text


class TooLongError(Exception):
    """A code point has more tokens than the model takes.

    Args:
        tokens: So many.
    """

    def __init__(self, tokens: int) -> None:
        super().__init__(f"a code point of {tokens} source tokens")
        self.tokens = tokens


async def split(
    text: str, language: str, encode: Callable[[str], list[int]], most_tokens: int
) -> SplitText:
    """Returns the pieces of a text.

    Args:
        text: Of any length.
        language: Of the text; see texts.sentences.
        encode: Returns the source tokens of a piece; none where there is nothing to translate.
        most_tokens: That a piece may have; sentences of more are cut into shorter parts.

    Raises:
        TooLongError: A code point has more.
    """
    pieces: list[Piece] = []
    sentences_cut = 0
    for index, span in enumerate(sentences(text, language)):
        if index % PIECES_AT_ONCE == PIECES_AT_ONCE - 1:
            await asyncio.sleep(0)
        source_ids = encode(one_line(text[span.begin : span.end]))
        if len(source_ids) > most_tokens:
            if span.end - span.begin == 1:
                raise TooLongError(len(source_ids))
            sentences_cut += 1
            pieces += _parts(text, span, encode, most_tokens)
        elif source_ids:
            pieces.append(Piece(span, source_ids))
    return SplitText(text, pieces, sentences_cut)


def _parts(
    text: str, span: Span, encode: Callable[[str], list[int]], most_tokens: int
) -> Iterator[Piece]:
    """Yields the parts of a sentence that is too long."""
    for half in halves(text, span):
        if not has_words(text, half):
            continue
        source_ids = encode(one_line(text[half.begin : half.end]))
        is_character = half.end - half.begin == 1
        if is_character and len(source_ids) > most_tokens:
            raise TooLongError(len(source_ids))
        if len(source_ids) > min(PART_TOKENS, most_tokens) and not is_character:
            yield from _parts(text, half, encode, most_tokens)
        elif source_ids:
            yield Piece(half, source_ids)
