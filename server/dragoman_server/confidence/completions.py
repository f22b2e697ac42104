"""What an engine's completion says of how sure a model was.

Knows completions and what a model was told beside a text. Does not know texts or pieces of them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from dragoman.alignment import Span
from dragoman_server.confidence.features import Said
from dragoman_server.confidence.words import SaidWord, words_said
from dragoman_server.sequence import Completion, FinishReason


class TargetCodec(Protocol):
    """What is needed of a Tokenizer."""

    def decode(self, token_ids: Sequence[int]) -> str:
        """Returns the text of target tokens."""

    def target_spans(self, token_ids: Sequence[int]) -> list[Span]:
        """Returns where each token stands in that text."""


class Told(NamedTuple):
    """What a model was told beside the text of a sentence."""

    source: int
    """Source tokens that are not of the text: of languages, and the end token."""
    forced: int
    """Target tokens that the translation begins with and that are no part of its text."""
    prefix: int
    """Target tokens that it was told to begin with, those among them."""


def said_of(source_ids: Sequence[int], completion: Completion, told: Told) -> Said:
    """Returns what a model has said of a sentence; no scores where it chose no token.

    Args:
        source_ids: All source tokens.
        completion: With token_scores.
        told: What it was told.
    """
    scores = completion.token_scores
    assert scores is not None
    tokens = len(completion.token_ids)
    end = tokens + (completion.finish_reason is FinishReason.STOP)
    return Said(scores[told.prefix : end], len(source_ids) - told.source, tokens - told.forced)


def words_of_completion(
    tokenizer: TargetCodec, completion: Completion, told: Told, sentence_log_odds: float
) -> tuple[str, Iterator[SaidWord]]:
    """Returns the text that a model has said, and the words of it that it chose.

    Args:
        tokenizer: The model's.
        completion: With token_scores.
        told: What it was told.
        sentence_log_odds: As WordFeatures has it.
    """
    scores = completion.token_scores
    assert scores is not None
    token_ids = completion.token_ids[told.forced :]
    text = tokenizer.decode(token_ids)
    return text, words_said(
        text,
        tokenizer.target_spans(token_ids),
        scores[told.forced :],
        told=told.prefix - told.forced,
        sentence_log_odds=sentence_log_odds,
    )
