"""How a row with options of its own takes its next token: scores lowered, then the best or a draw.

Knows one row's candidates; plain greedy rows, which take the first, do without it.
"""

import numpy as np
from numpy.typing import NDArray

from dragoman_server.search.constraints import Constraints
from dragoman_server.search.sampling import Sampler
from dragoman_server.sequence import TranslationOptions


class Choice:
    """What one sequence's options make of its candidates."""

    def __init__(
        self,
        constraints: Constraints | None,
        sampler: Sampler | None,
        *,
        end_id: int,
    ) -> None:
        self._constraints = constraints
        self._sampler = sampler
        self._end_id = end_id

    @classmethod
    def of(cls, options: TranslationOptions, *, end_id: int) -> "Choice | None":
        """Returns what the options ask for; None where that is the best candidate."""
        constraints = Constraints.of(options)
        sampler = Sampler(options) if options.sampling_topk > 1 else None
        if constraints is None and sampler is None:
            return None
        return cls(constraints, sampler, end_id=end_id)

    def candidate_count(self, said: int) -> int:
        """Returns how many candidates it must see, the start token and `said` - 1 others said."""
        taken_from = 1 if self._sampler is None else self._sampler.topk
        lowered = 0 if self._constraints is None else self._constraints.reach(said)
        return taken_from + lowered + 1  # the end token may be forbidden too

    def take(
        self,
        ids: NDArray[np.int64],
        logits: NDArray[np.float32],
        said: NDArray[np.int64],
        *,
        is_early: bool,
    ) -> int | None:
        """Returns the index of the candidate taken; None where all are forbidden.

        Args:
            ids: (candidates,), best first.
            logits: (candidates,).
            said: (tokens,) what the row has said, the start token first.
            is_early: Whether the end token is forbidden.
        """
        count = self.candidate_count(len(said))
        ids, scores = ids[:count], logits[:count].copy()
        if self._constraints is not None:
            self._constraints.lower(scores, ids, said)
        if is_early:
            scores[ids == self._end_id] = -np.inf
        best = int(scores.argmax())
        if scores[best] == -np.inf:
            return None
        return best if self._sampler is None else self._sampler.draw(scores)
