"""A text as the pieces that are translated: its sentences, each within what the model takes.

Knows sentences and how many tokens they have. Does not know what becomes of them: assembly.py does.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import NamedTuple

from dragoman_server.terminology import Marked
from dragoman_server.texts import Span, Unbroken, halves, has_words, one_line, sentences

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
    marked: Marked | None = None
    """What it must have, where it must have anything."""

    def given(self, text: str) -> str:
        """Returns what the model is given of it, a piece of this text."""
        if self.marked is not None:
            return self.marked.text
        return one_line(text[self.span.begin : self.span.end])

    def moved(self, places: int) -> "Piece":
        """Returns it as a piece of a text in which it stands so many code points later."""
        return self._replace(span=Span(self.span.begin + places, self.span.end + places))


class SplitText(NamedTuple):
    """A text that is translated in pieces."""

    text: str
    pieces: list[Piece]
    """In order. Around and between them is what is not translated."""
    sentences_cut: int = 0
    """Sentences that were too long, and are several pieces."""
    is_whole: bool = False
    """Whether it is not split: it is one piece, or none where it is its own translation."""

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


Read = Callable[[Span], Piece]
"""Returns a part of the text as a piece: without source tokens where it is not translated."""


async def split(
    text: str, language: str, read: Read, most_tokens: int, unbroken: Unbroken | None = None
) -> SplitText:
    """Returns the pieces of a text.

    Args:
        text: Of any length.
        language: Of the text; see texts.sentences.
        read: Makes its pieces.
        most_tokens: That a piece may have; sentences of more are cut into shorter parts.
        unbroken: What is in one piece, unless that alone has more.

    Raises:
        TooLongError: A code point has more.
    """
    pieces: list[Piece] = []
    sentences_cut = 0
    spans = sentences(text, language)
    if unbroken is None:
        unbroken = Unbroken()
    else:
        spans = unbroken.joined(spans)
    for index, span in enumerate(spans):
        if index % PIECES_AT_ONCE == PIECES_AT_ONCE - 1:
            await asyncio.sleep(0)
        piece = read(span)
        if len(piece.source_ids) > most_tokens:
            if span.end - span.begin == 1:
                raise TooLongError(len(piece.source_ids))
            sentences_cut += 1
            pieces += _parts(text, span, read, most_tokens, unbroken)
        elif piece.source_ids:
            pieces.append(piece)
    return SplitText(text, pieces, sentences_cut)


def _parts(
    text: str, span: Span, read: Read, most_tokens: int, unbroken: Unbroken
) -> Iterator[Piece]:
    """Yields the parts of a sentence that is too long."""
    for half in halves(text, span, unbroken):
        if not has_words(text, half):
            continue
        piece = read(half)
        tokens = len(piece.source_ids)
        is_character = half.end - half.begin == 1
        if is_character and tokens > most_tokens:
            raise TooLongError(tokens)
        wanted = most_tokens if unbroken.covers(half) else min(PART_TOKENS, most_tokens)
        if tokens > wanted and not is_character:
            yield from _parts(text, half, read, most_tokens, unbroken)
        elif tokens:
            yield piece
