"""The finished hypotheses of one sequence that beam search translates, the best ones.

Knows their scores; knows nothing of rows, nor of hypotheses that still run.
"""

from typing import NamedTuple

import numpy as np

from dragoman_server.sequence import (
    Completion,
    EarlyStopping,
    FinishReason,
    Hypothesis,
    TranslationOptions,
)


class _Finished(NamedTuple):
    score: float
    hypothesis: Hypothesis


class FinishedHypotheses:
    """At most beam_size of them, best first."""

    def __init__(self, options: TranslationOptions) -> None:
        self._options = options
        self._best: list[_Finished] = []

    def add(
        self,
        log_prob: np.float32,
        token_ids: list[int],
        token_scores: list[float] | None,
        *,
        is_cut: bool,
    ) -> None:
        """Takes a hypothesis; the worst of too many is dropped.

        Args:
            log_prob: Sum over its tokens after the prefix, the end token counted.
            token_ids: Without the end token.
            token_scores: Log-probability of each token and, unless it is cut, of the end token.
            is_cut: Whether the model had not come to an end.
        """
        options = self._options
        length = len(token_ids) + 1 + options.forced_length - len(options.target_prefix)
        score = float(log_prob / np.float32(float(length) ** float(options.length_penalty)))
        reason = FinishReason.LENGTH if is_cut else FinishReason.STOP
        shown = score if options.return_scores else None
        self._best.append(_Finished(score, Hypothesis(token_ids, reason, shown, token_scores)))
        self._best.sort(key=lambda finished: -finished.score)
        del self._best[options.beam_size :]

    @property
    def bar(self) -> float:
        """Score that a running hypothesis must beat for the search to go on.

        Where something must be said the others of the beam hardly ever come to an end, as their
        end is forbidden: those that are wanted are enough.
        """
        options = self._options
        fewest = options.num_hypotheses if options.required_sequences else options.beam_size
        if len(self._best) < fewest:
            return -np.inf
        if options.early_stopping is EarlyStopping.TRUE:
            return np.inf
        return self._best[fewest - 1].score

    def completion(self) -> Completion:
        """Returns the best of them and, where several are wanted, so many of the best."""
        wanted = self._options.num_hypotheses
        best = [finished.hypothesis for finished in self._best[:wanted]]
        return Completion(*best[0], hypotheses=tuple(best) if wanted > 1 else ())
