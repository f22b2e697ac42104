"""Draws a token from the best ones, in proportion to their probabilities.

Knows the logits of one row. Its random numbers are its sequence's own: nothing that happens to
other rows changes a draw.
"""

import numpy as np
from numpy.typing import NDArray

from dragoman_server.sequence import TranslationOptions

MAX_SAMPLING_TOPK = 1024
"""Most tokens to draw from, which is how many candidates each step of the batch then has."""


class Sampler:
    """Temperature, top-k and top-p, in the order of transformers' `generate(do_sample=True)`."""

    def __init__(self, options: TranslationOptions) -> None:
        self.topk = options.sampling_topk
        """Candidates that are drawn from."""
        self._topp = options.sampling_topp
        self._temperature = options.sampling_temperature
        self._random = np.random.Generator(np.random.PCG64(options.seed))

    def draw(self, logits: NDArray[np.float32]) -> int:
        """Returns the index of the candidate that is drawn.

        Args:
            logits: (candidates,), in any order; the best is finite.
        """
        best = np.argsort(-logits, kind="stable")[: self.topk]
        chosen = logits[best].astype(np.float64)
        weights = np.exp((chosen - chosen[0]) / self._temperature)
        sums = np.cumsum(weights / weights.sum())
        # A token is kept where those more likely do not reach top-p without it: the first always.
        kept = 1 + int(np.count_nonzero(sums[:-1] < self._topp))
        place = np.searchsorted(sums[:kept], self._random.random() * sums[kept - 1], side="right")
        return int(best[min(int(place), kept - 1)])
