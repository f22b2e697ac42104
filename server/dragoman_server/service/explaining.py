"""Tells of a translation which words stand for each other, and who attended to whom.

Knows translations whole and in pieces. Does not know how words are aligned, which alignment.py
does, nor how weights are found.
"""

from collections.abc import Sequence

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import AlignmentLink, Translation
from dragoman_server.runtime.attention_runner import check_attention
from dragoman_server.sequence import Completion, FinishReason
from dragoman_server.service.alignment import SpanCodec, alignment_links, attention_message
from dragoman_server.service.orders import Order
from dragoman_server.service.pieces import SplitText
from dragoman_server.texts import one_line


class Explainer:
    """A model's.

    Args:
        manifest: The model's.
        tokenizer: Says where tokens are in texts.
    """

    def __init__(self, manifest: Manifest, tokenizer: SpanCodec) -> None:
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
        source: list[int],
        completion: Completion,
        order: Order,
    ) -> None:
        """Adds to the translation of a text what was asked for of it."""
        attention = completion.attention
        if attention is None:
            return
        translation.alignment.extend(
            self._links(text, translation.translated_text, completion, order)
        )
        if attention.encoder is not None:
            ended = completion.finish_reason is FinishReason.STOP
            told = completion.token_ids + self._end if ended else completion.token_ids
            message = attention_message(self._tokenizer, source, told, attention)
            translation.attention.CopyFrom(message)

    def explain_pieces(
        self,
        translation: Translation,
        split: SplitText,
        completions: Sequence[Completion],
        order: Order,
    ) -> None:
        """Adds to the translation of a text that was split the alignments of its pieces."""
        each = zip(split.pieces, completions, translation.segments, strict=True)
        for piece, completion, segment in each:
            begin, end = segment.target_begin, segment.target_end
            links = self._links(
                one_line(split.text[piece.span.begin : piece.span.end]),
                translation.translated_text[begin:end],
                completion,
                order,
            )
            for link in links:
                link.source_begin += piece.span.begin
                link.source_end += piece.span.begin
                link.target_begin += begin
                link.target_end += begin
            translation.alignment.extend(links)

    def _links(
        self, text: str, translated: str, completion: Completion, order: Order
    ) -> list[AlignmentLink]:
        attention = completion.attention
        if attention is None or attention.alignment is None:
            return []
        return alignment_links(
            self._tokenizer,
            text,
            translated,
            completion.token_ids[order.forced :],
            weights=attention.alignment[order.forced :],
            before=len(order.source_prefix),
        )
