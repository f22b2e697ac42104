"""The words of a translation, each with what is known of it.

Knows texts and where tokens stand in them. Does not know tokenizers.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dragoman.alignment import Span, words_of
from dragoman_server.confidence.features import WordFeatures, word_features


class SaidWord(NamedTuple):
    """A word that a model has said."""

    begin: int
    """Its first code point."""
    end: int
    """The code point after its last one."""
    features: WordFeatures


def words_said(
    text: str,
    spans: Sequence[Span],
    scores: Sequence[float],
    *,
    told: int = 0,
    sentence_log_odds: float,
) -> Iterator[SaidWord]:
    """Yields the words of a text that a model has chosen, as `dragoman.alignment` cuts them.

    A token that has a part of two words counts for both. Words without tokens of their own are left
    out, and so are those that the model was told to begin with.

    Args:
        text: The translation.
        spans: Where each token stands in it.
        scores: Natural-log probability of each token, in nats.
        told: Tokens that it was told to begin with, in whole or in part.
        sentence_log_odds: As WordFeatures has it.
    """
    words = words_of(text)
    owners = {at: word for word, span in enumerate(words) for at in range(*span)}
    tokens: list[list[int]] = [[] for _ in words]
    for token, span in enumerate(spans):
        for word in {owners[at] for at in range(*span) if at in owners}:
            tokens[word].append(token)
    for (begin, end), of_word in zip(words, tokens, strict=True):
        if of_word and of_word[0] >= told:
            chosen = [scores[token] for token in of_word]
            yield SaidWord(begin, end, word_features(chosen, sentence_log_odds, end - begin))
