"""Tells of a translation which words stand for each other, and who attended to whom.

Knows translations whole and in pieces, and of these what the model was given in place of what the
text has. Does not know how words are aligned, which alignment.py does, nor how weights are found.
"""

from collections.abc import Iterator, Sequence

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import AlignmentLink, Translation
from dragoman_server.runtime.attention_runner import check_attention
from dragoman_server.sequence import Completion, FinishReason
from dragoman_server.service.alignment import alignment_links, attention_message
from dragoman_server.service.assembly import placed
from dragoman_server.service.orders import Order
from dragoman_server.service.pieces import Piece
from dragoman_server.service.relocation import Relocation
from dragoman_server.service.sources import Source
from dragoman_server.service.text_queue import TextCodec


class Explainer:
    """A model's.

    Args:
        manifest: The model's.
        tokenizer: Says where tokens are in texts.
    """

    def __init__(self, manifest: Manifest, tokenizer: TextCodec) -> None:
        self._manifest = manifest
        self._tokenizer = tokenizer
        self._end = [manifest.special_tokens.end_id]

    def check(self, submitted: Sequence[list[int]], order: Order) -> None:
        """Raises InvalidArgumentError where a text, by its source tokens, is too long for it."""
        for source in submitted:  # a translation is as long as its source, to begin with
            check_attention(self._manifest, len(source), len(source), order.options.common)

    def explain(
        self,
        translation: Translation,
        text: str,
        source: Source,
        completions: Sequence[Completion],
        order: Order,
    ) -> None:
        """Adds to a translation what was asked for of it.

        Args:
            translation: The translation, complete but for that.
            text: The text.
            source: As the engines had it.
            completions: Of its pieces, or of all of it.
            order: What its request asks for.
        """
        pieces = placed(translation, text, source)
        for (piece, target), completion in zip(pieces, completions, strict=True):
            if completion.attention is not None:
                shown = translation.translated_text[target.begin : target.end]
                links = self._links(text, shown, piece, completion, order)
                translation.alignment.extend(_moved(links, piece.span.begin, target.begin))
                self._add_attention(translation, piece, completion)

    def _links(
        self, text: str, shown: str, piece: Piece, completion: Completion, order: Order
    ) -> list[AlignmentLink]:
        """Returns the links of a piece, from its beginning in the text and in what is `shown`."""
        assert completion.attention is not None
        weights = completion.attention.alignment
        if weights is None:
            return []
        own = text[piece.span.begin : piece.span.end]
        given = piece.given(text)
        said_ids = completion.token_ids[order.forced :]
        said = self._tokenizer.decode(said_ids)
        links = alignment_links(
            self._tokenizer,
            given,
            said,
            said_ids,
            weights=weights[order.forced :],
            before=len(order.source_prefix),
        )
        if piece.marked is None:
            return links
        return list(_relocated(links, Relocation(given, own), Relocation(said, shown)))

    def _add_attention(
        self, translation: Translation, piece: Piece, completion: Completion
    ) -> None:
        attention = completion.attention
        if attention is None or attention.encoder is None:
            return
        ended = completion.finish_reason is FinishReason.STOP
        told = completion.token_ids + self._end if ended else completion.token_ids
        translation.attention.CopyFrom(
            attention_message(self._tokenizer, piece.source_ids, told, attention)
        )


def _moved(links: Sequence[AlignmentLink], source: int, target: int) -> Iterator[AlignmentLink]:
    """Yields links of a piece as those of the text, in which it begins so late."""
    for link in links:
        link.source_begin += source
        link.source_end += source
        link.target_begin += target
        link.target_end += target
        yield link


def _relocated(
    links: Sequence[AlignmentLink], sources: Relocation, targets: Relocation
) -> Iterator[AlignmentLink]:
    """Yields links between other texts, without those of words that these do not have."""
    for link in links:
        source, target = sources.of(link.source_begin), targets.of(link.target_begin)
        if source is not None and target is not None:
            link.source_begin, link.source_end = source
            link.target_begin, link.target_end = target
            yield link
