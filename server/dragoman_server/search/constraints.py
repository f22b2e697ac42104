"""What a sequence's options make less likely, or forbid, given what it has said.

The rules are those of transformers' logits processors, version 5: RepetitionPenalty, NoRepeatNGram
and NoBadWords. Knows one row's tokens and candidates; knows nothing of other rows or of searches.
"""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from dragoman_server.sequence import TranslationOptions


class Constraints:
    """Lowers the scores of candidates; never raises one.

    This is why few candidates are enough. Of a row's candidates, the best first, let m be lowered.
    Among the best k + m before, at least k are not lowered. Whatever is not among these k + m was
    no better than those k and was lowered or left alone: it is no better than them after, either.
    So the best k after are among the best k + m before, and `reach` bounds m.
    """

    def __init__(self, options: TranslationOptions) -> None:
        self._penalty = np.float32(options.repetition_penalty)
        self._ngram_size = options.no_repeat_ngram_size
        self._completions = _completions(options.suppress_sequences)
        self._prefix_lengths = {len(prefix) for prefix in self._completions}
        self._suppressed = len({sequence[-1] for sequence in options.suppress_sequences})

    @classmethod
    def of(cls, options: TranslationOptions) -> "Constraints | None":
        """Returns what the options ask for; None where that is nothing."""
        wanted = (
            options.repetition_penalty > 1
            or options.no_repeat_ngram_size > 0
            or bool(options.suppress_sequences)
        )
        return cls(options) if wanted else None

    def reach(self, said: int) -> int:
        """Returns how many tokens may be lowered at most, after `said` tokens."""
        repeated = said if self._penalty > 1 or self._ngram_size else 0
        return repeated + self._suppressed

    def lower(
        self, scores: NDArray[np.float32], ids: NDArray[np.int64], said: NDArray[np.int64]
    ) -> None:
        """Lowers scores in place; minus infinity is forbidden.

        Args:
            scores: (candidates,) logits or log-probabilities.
            ids: (candidates,) their tokens.
            said: (tokens,) what the row has said, the start token first.
        """
        if self._penalty > 1:
            again = np.isin(ids, said)
            found = scores[again]
            scores[again] = np.where(found < 0, found * self._penalty, found / self._penalty)
        forbidden = [*self._repeating(said), *self._suppressing(said)]
        if forbidden:
            scores[np.isin(ids, forbidden)] = -np.inf

    def _repeating(self, said: NDArray[np.int64]) -> list[int]:
        """Tokens that would complete an n-gram that was said before."""
        size = self._ngram_size
        if not 0 < size <= len(said):
            return []
        ngrams = sliding_window_view(said, size)  # (n-grams, size)
        begun = said[len(said) + 1 - size :]
        repeating: list[int] = ngrams[(ngrams[:, :-1] == begun).all(axis=1), -1].tolist()
        return repeating

    def _suppressing(self, said: NDArray[np.int64]) -> list[int]:
        """Tokens that would complete a sequence that must not be said."""
        suppressing: list[int] = []
        for length in self._prefix_lengths:
            if length <= len(said):
                begun = tuple(said[len(said) - length :].tolist())
                suppressing += self._completions.get(begun, ())
        return suppressing


def _completions(sequences: Iterable[tuple[int, ...]]) -> dict[tuple[int, ...], list[int]]:
    """Returns the last tokens of sequences by the tokens before."""
    completions: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for sequence in sequences:
        completions[sequence[:-1]].append(sequence[-1])
    return dict(completions)
