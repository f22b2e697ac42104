"""The weights of all tokens that some rows may say, in one array that tokens come to and leave.

Knows tokens and rows of weights. Does not know sentences, rows of a batch or graphs.
"""

import numpy as np
from numpy.typing import NDArray

SLOTS = 512
"""The array is as long as its last token wants, in so many."""


class Union:
    """Tokens, each with the number of lists that have it.

    Args:
        weights: (tokens, width), of every token.
    """

    def __init__(self, weights: NDArray[np.uint8]) -> None:
        self._weights = weights
        self._readers = np.zeros(len(weights), np.int32)
        self._slots = np.zeros(len(weights), np.int64)
        self._is_used = np.zeros(SLOTS, np.bool_)
        self._memory = np.zeros((SLOTS, weights.shape[1]), np.uint8)
        self.array = self._memory
        """(union, width) the weights of the tokens that there are, where `slots` says; in between
        those of others, or nothing. Another array as soon as its length is another."""

    def add(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Lets one list more have `tokens`, each once; returns where they stand, (tokens,)."""
        new = tokens[self._readers[tokens] == 0]
        self._readers[tokens] += 1
        if len(new):
            slots = self._free(len(new))
            self._is_used[slots] = True
            self._slots[new] = slots
            self._memory[slots] = self._weights[new]
            self._fit()
        return self._slots[tokens]

    def remove(self, tokens: NDArray[np.int64]) -> None:
        """Lets a list that was added have them no more."""
        self._readers[tokens] -= 1
        gone = tokens[self._readers[tokens] == 0]
        if len(gone):
            self._is_used[self._slots[gone]] = False
            self._fit()

    def slots(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns where tokens stand that some list has."""
        return self._slots[tokens]

    def _free(self, count: int) -> NDArray[np.intp]:
        """The first `count` free places; there is more memory if need be."""
        free = np.flatnonzero(~self._is_used)
        if len(free) < count:
            used = len(self._is_used)
            length = max(2 * used, used + count)
            self._is_used = np.concatenate((self._is_used, np.zeros(length - used, np.bool_)))
            memory = np.zeros((length, self._memory.shape[1]), np.uint8)
            memory[:used] = self._memory
            self._memory = memory
            free = np.flatnonzero(~self._is_used)
        return free[:count]

    def _fit(self) -> None:
        used = np.flatnonzero(self._is_used)
        last = int(used[-1]) if len(used) else 0
        length = min((last // SLOTS + 1) * SLOTS, len(self._memory))
        if length != len(self.array) or self.array.base is not self._memory:
            self.array = self._memory[:length]
