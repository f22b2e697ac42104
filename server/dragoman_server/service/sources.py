"""Texts as the engines get them: the source tokens of the whole, or of each of its pieces.

Knows one model's tokens, which texts are split, and that parts of them may be marked. Does not know
what becomes of them.
"""

import asyncio
import math
from collections.abc import Sequence
from typing import Protocol

from dragoman.v1.translation_pb2 import SEGMENTATION_AUTO, SEGMENTATION_NONE, Limits
from dragoman_server.service.orders import Order
from dragoman_server.service.pieces import Piece, Read, SplitText, TooLongError, split
from dragoman_server.service.validation import check_source_length
from dragoman_server.terminology import Marked, Part, Place, Terminology
from dragoman_server.texts import Span, Unbroken, has_lines, has_marker, is_sentence, one_line

COMFORT_TOKENS = 16
"""Of a text of several sentences that is translated whole: measured in docs/performance.md. In more
the shipped model leaves out the more the longer they are."""

PIECE_TOKENS = 64
"""Of a piece, before anybody has looked for sentences: few have more."""

PARTS_AT_ONCE = 32
"""Of a text, tokenised before others have their turn on the event loop."""

MEMORY_TEXTS = 64
"""From which is learned how many tokens a character makes."""

Source = list[int] | SplitText
"""Of a text: the tokens of the whole, none where there is nothing to translate; or its pieces,
which a whole text is too where parts of it are marked."""


class Encoder(Protocol):
    """What is needed of a Tokenizer."""

    def encode(self, text: str) -> list[int]:
        """Returns the source tokens of a text, the end token included."""


class Sources:
    """A model's.

    Args:
        limits: What a request may ask for.
        tokenizer: Cuts texts into source tokens.
        end_id: The end token: a text of nothing else has nothing to translate.
    """

    def __init__(self, limits: Limits, tokenizer: Encoder, end_id: int) -> None:
        self._limits = limits
        self._most_tokens = limits.max_input_length
        self._comfort = min(COMFORT_TOKENS, self._most_tokens)
        self._tokenizer = tokenizer
        self._nothing = [end_id]
        self._tokens_per_character = 0.0
        """Of the texts of just before."""

    def whole(self, text: str, order: Order, segmentation: int) -> list[int] | None:
        """Returns the source tokens of a text that is translated whole.

        None where it is split, or has more tokens than the model takes: `read` says which.
        """
        if not text or text.isspace():
            return []
        if segmentation == SEGMENTATION_NONE:
            source = self._encode(text, order)
            return source if len(source) <= self._most_tokens else None
        if segmentation != SEGMENTATION_AUTO or _has_layout(text):
            return None
        source = self._encode(text, order)
        if len(source) <= self._comfort or (
            len(source) <= self._most_tokens and is_sentence(text, order.source_language)
        ):
            return source
        return None

    async def read(self, text: str, order: Order, segmentation: int, field: str) -> Source:
        """Returns a text as it is translated.

        Args:
            text: The text.
            order: What its request asks for.
            segmentation: Whether it is split, by the wire's number for it.
            field: Its name.

        Raises:
            InvalidArgumentError: It, or a single character of it where it is split, has more source
                tokens than the model takes.
        """
        if (source := self.whole(text, order, segmentation)) is not None:
            return source
        if segmentation == SEGMENTATION_NONE:
            check_source_length(len(self._encode(text, order)), field, self._limits)

        def read(span: Span) -> Piece:
            return Piece(span, self._encode(one_line(text[span.begin : span.end]), order))

        pieces = await self._split(text, order, field, read)
        if segmentation == SEGMENTATION_AUTO and len(pieces.pieces) == 1 and not _has_layout(text):
            source = self._encode(text, order)
            if len(source) <= self._most_tokens:  # with what is around its one sentence
                return source
        return pieces

    async def read_marked(
        self, text: str, order: Order, segmentation: int, field: str, terminology: Terminology
    ) -> Source:
        """Returns a text as `read` does, with what its request wants of its words.

        What decides whether it is split is the text as it was given, or each part of it that is a
        text of its own.
        """
        if parts := terminology.parts(text):
            return await self._read_parts(text, order, segmentation, field, parts)
        places = terminology.find(text)
        if not places:
            return await self.read(text, order, segmentation, field)
        return await self._read_places(text, order, segmentation, field, terminology, places=places)

    async def _read_parts(
        self, text: str, order: Order, segmentation: int, field: str, parts: Sequence[Part]
    ) -> SplitText:
        """Returns a text of which parts are texts of their own."""
        pieces: list[Piece] = []
        sentences_cut = 0
        for index, (begin, end, wanted) in enumerate(parts):
            if index % PARTS_AT_ONCE == PARTS_AT_ONCE - 1:
                await asyncio.sleep(0)
            own = text[begin:end]
            part = await self._read_places(
                own, order, segmentation, field, wanted, places=wanted.find(own)
            )
            pieces += [each.moved(begin) for each in part.pieces]
            sentences_cut += part.sentences_cut
        return SplitText(text, pieces, sentences_cut)

    async def _read_places(
        self,
        text: str,
        order: Order,
        segmentation: int,
        field: str,
        terminology: Terminology,
        *,
        places: Sequence[Place],
    ) -> SplitText:
        """Returns a text of which parts are marked."""
        marked, given = _marked(text, terminology)
        whole = Piece(Span(0, len(text)), self._encode(given, order), marked)
        tokens = len(whole.source_ids)
        as_whole = SplitText(text, [whole] if tokens else [], is_whole=True)
        if segmentation == SEGMENTATION_NONE:
            check_source_length(tokens, field, self._limits)
            return as_whole
        outline = terminology.writing.outline(text)
        fits = tokens <= self._most_tokens
        if fits and self.whole(outline, order, segmentation) is not None:
            return as_whole

        def read(span: Span) -> Piece:
            marked, given = _marked(text[span.begin : span.end], terminology)
            return Piece(span, self._encode(one_line(given), order), marked)

        pieces = await self._split(outline, order, field, read, _unbroken(text, places))
        is_one = segmentation == SEGMENTATION_AUTO and len(pieces.pieces) == 1
        is_whole = is_one and fits and not _has_layout(outline)
        return as_whole if is_whole else pieces._replace(text=text)

    async def _split(
        self, text: str, order: Order, field: str, read: Read, unbroken: Unbroken | None = None
    ) -> SplitText:
        try:
            return await split(text, order.source_language, read, self._most_tokens, unbroken)
        except TooLongError as error:
            check_source_length(error.tokens, field, self._limits)
            raise

    def expected_tokens(self, texts: Sequence[str], segmentation: int) -> list[float]:
        """Returns roughly how many source tokens the pieces of some texts have."""
        rate = self._tokens_per_character
        tokens = [len(text) * rate for text in texts]
        if max(tokens) <= PIECE_TOKENS or segmentation == SEGMENTATION_NONE:
            return tokens
        pieces: list[float] = []
        for each in tokens:
            count = math.ceil(each / PIECE_TOKENS)
            pieces += [PIECE_TOKENS] * count if count > 1 else [each]
        return pieces

    def _encode(self, text: str, order: Order) -> list[int]:
        """Returns the source tokens of a text; none where there is nothing to translate."""
        token_ids = self._tokenizer.encode(text)
        if not token_ids or token_ids == self._nothing:
            return []
        rate = len(token_ids) / len(text)
        self._tokens_per_character += (rate - self._tokens_per_character) / MEMORY_TEXTS
        return order.source_prefix + token_ids + order.source_suffix


def _has_layout(text: str) -> bool:
    """Whether there is more than a sentence: lines, or what begins an item of a list."""
    return has_lines(text) or has_marker(text)


def _marked(text: str, terminology: Terminology) -> tuple[Marked | None, str]:
    """Returns what a text must have, and what the model is given of it: nothing of some."""
    marked = terminology.mark(text)
    if marked is None:
        return None, text
    return marked, "" if marked.as_it_is == text else marked.text


def _unbroken(text: str, places: Sequence[Place]) -> Unbroken:
    """Returns what no end of a sentence may break: all but phrases that go on in another line."""
    spans = [Span(place.start, place.end) for place in places]
    kinds = zip(spans, places, strict=True)
    return Unbroken(
        [
            span
            for span, each in kinds
            if not (each.is_term and has_lines(text[span.begin : span.end]))
        ]
    )
