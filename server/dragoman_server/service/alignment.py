"""What goes on the wire of who attended to whom: words that stand for each other, and weights.

Knows texts, tokens and weights. Does not know requests or engines.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dragoman.alignment import Side, align, words_of
from dragoman.tokenizer import NOWHERE, Span
from dragoman.v1 import translation_pb2 as pb
from dragoman_server.errors import InvalidArgumentError
from dragoman_server.sequence import Attention

Floats = NDArray[np.float32]


class SpanCodec(Protocol):
    """What is needed of a Tokenizer."""

    def source_spans(self, text: str) -> list[Span]:
        """Returns where in a text each of its tokens stands; the end token is nowhere."""

    def target_spans(self, token_ids: Sequence[int]) -> list[Span]:
        """Returns where each token stands in the text of target tokens."""

    def source_tokens(self, token_ids: Sequence[int]) -> list[str]:
        """Returns the names of source tokens."""

    def target_tokens(self, token_ids: Sequence[int]) -> list[str]:
        """Returns the names of target tokens."""


def alignment_links(
    tokenizer: SpanCodec,
    source: str,
    target: str,
    target_ids: Sequence[int],
    *,
    weights: Floats,
    before: int,
) -> list[pb.AlignmentLink]:
    """Returns the words of a text and of its translation that stand for each other.

    Args:
        tokenizer: The model's.
        source: The text.
        target: Its translation, which is what `target_ids` say.
        target_ids: Its tokens, without those that the model was told to begin with.
        weights: (target, source), where each of those tokens comes from.
        before: Source tokens before those of the text.
    """
    spans = source_spans(tokenizer, source, before, weights.shape[1])
    sides = (
        Side(words_of(source), spans),
        Side(words_of(target), tokenizer.target_spans(target_ids)),
    )
    links = align(weights, *sides)
    return [
        pb.AlignmentLink(
            source_begin=sides[0].words[link.source][0],
            source_end=sides[0].words[link.source][1],
            target_begin=sides[1].words[link.target][0],
            target_end=sides[1].words[link.target][1],
            weight=link.weight,
            is_hard=link.is_hard,
        )
        for link in links
    ]


def source_spans(tokenizer: SpanCodec, source: str, before: int, count: int) -> list[Span]:
    """Returns where in a text each of so many source tokens stands.

    Args:
        tokenizer: The model's.
        source: The text.
        before: Source tokens before those of the text.
        count: Of all source tokens.
    """
    spans = [NOWHERE] * before + tokenizer.source_spans(source)
    return spans + [NOWHERE] * (count - len(spans))


def attention_message(
    tokenizer: SpanCodec,
    source_ids: Sequence[int],
    target_ids: Sequence[int],
    attention: Attention,
) -> pb.Attention:
    """Returns weights as they go on the wire.

    Args:
        tokenizer: The model's.
        source_ids: All that the model was given.
        target_ids: All that it said, the end token among them where it did.
        attention: The weights.
    """
    return pb.Attention(
        source_tokens=tokenizer.source_tokens(source_ids),
        target_tokens=tokenizer.target_tokens(target_ids),
        encoder=_weights(attention.encoder),
        decoder=_weights(attention.decoder),
        cross=_weights(attention.cross),
    )


def check_one_text(count: int) -> None:
    """Raises InvalidArgumentError where a request that asks for attention has several texts."""
    if count > 1:
        raise InvalidArgumentError(
            f"return_attention is true for {count} texts; allowed: 1 text in contents",
            field="return_attention",
            reason="OPTIONS_CONFLICT",
            given=f"{count} texts",
            allowed="1 text in contents",
        )


def without_graph(field: str, model: str) -> InvalidArgumentError:
    """Returns the error about weights that a model does not have."""
    return InvalidArgumentError(
        f"{field} is true; allowed for model {model}: false, as its bundle has no graph of "
        "attention weights: export it again",
        field=field,
        reason="NO_ATTENTION_GRAPH",
        given="true",
        allowed="false",
    )


def _weights(values: Floats | None) -> pb.AttentionWeights | None:
    if values is None:
        return None
    layers, heads, queries, keys = values.shape
    return pb.AttentionWeights(
        layer_count=layers,
        head_count=heads,
        query_count=queries,
        key_count=keys,
        values=values.ravel().tolist(),
    )
