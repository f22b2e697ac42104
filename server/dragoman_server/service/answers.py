"""What goes on the wire of what the engines made of a text.

Knows completions and the wire's messages. Does not know requests.
"""

from collections.abc import Sequence
from typing import Protocol

from dragoman.v1.translation_pb2 import FINISH_REASON_STOP, Hypothesis, Model, Translation
from dragoman_server.sequence import Completion
from dragoman_server.service.assembly import FINISH_REASONS, assembled, by_rank, warnings_of
from dragoman_server.service.orders import Order
from dragoman_server.service.pieces import SplitText


class Decoder(Protocol):
    """What is needed of a Tokenizer."""

    def decode(self, token_ids: Sequence[int]) -> str:
        """Returns the text of target tokens."""


class Answers:
    """A model's.

    Args:
        model: As ListModels tells it.
        tokenizer: Makes text of tokens.
    """

    def __init__(self, model: Model, tokenizer: Decoder) -> None:
        self._model, self._version = model.name, model.version
        self._most_tokens = model.limits.max_input_length
        self._tokenizer = tokenizer

    def of(self, completion: Completion, *, source_tokens: int, forced: int) -> Translation:
        """Returns the translation of a text.

        Args:
            completion: What the engines made of it.
            source_tokens: Of the text.
            forced: Tokens that the target begins with and that are no part of its text.
        """
        scores = completion.token_scores
        return Translation(
            translated_text=self._tokenizer.decode(completion.token_ids[forced:]),
            finish_reason=FINISH_REASONS[completion.finish_reason],
            score=completion.score,
            source_token_count=source_tokens,
            target_token_count=len(completion.token_ids) - forced,
            model=self._model,
            model_version=self._version,
            token_scores=None if scores is None else scores[forced:],
            hypotheses=self._hypotheses(completion, forced) if completion.hypotheses else None,
        )

    def of_pieces(
        self, split: SplitText, completions: list[Completion], order: Order
    ) -> Translation:
        """Returns the translation of a text that was split.

        Args:
            split: The text.
            completions: What the engines made of its pieces.
            order: What its request asks for.
        """
        decode = self._tokenizer.decode
        best, segments, warned = assembled(split, completions, order, decode)
        return Translation(
            translated_text=best.translated_text,
            finish_reason=best.finish_reason,
            score=best.score if best.HasField("score") else None,
            source_token_count=sum(len(piece.source_ids) for piece in split.pieces),
            target_token_count=best.target_token_count,
            model=self._model,
            model_version=self._version,
            token_scores=best.token_scores,
            hypotheses=[
                assembled(split, ranked, order, decode).hypothesis
                for ranked in by_rank(completions)
            ],
            segments=segments,
            warnings=warnings_of(split, self._most_tokens, warned),
        )

    def of_nothing(self) -> Translation:
        """Returns the translation of a text in which there is nothing to translate."""
        return Translation(
            finish_reason=FINISH_REASON_STOP, model=self._model, model_version=self._version
        )

    def _hypotheses(self, completion: Completion, forced: int) -> list[Hypothesis]:
        return [
            Hypothesis(
                translated_text=self._tokenizer.decode(hypothesis.token_ids[forced:]),
                finish_reason=FINISH_REASONS[hypothesis.finish_reason],
                score=hypothesis.score,
                target_token_count=len(hypothesis.token_ids) - forced,
                token_scores=(hypothesis.token_scores or [])[forced:],
            )
            for hypothesis in completion.hypotheses
        ]
