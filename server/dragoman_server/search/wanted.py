"""Tokens whose logits a step must give, whether or not they are among a row's candidates.

Knows what running sequences must say. Does not know rows.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from dragoman_server.search.candidates import NO_TOKENS


class Wanted:
    """Of the running sequences of an engine."""

    def __init__(self) -> None:
        self._by_slot: dict[int, Iterable[int]] = {}
        self.ids: NDArray[np.int64] = NO_TOKENS
        """(wanted,) each token once, then the first again up to a power of two: runners keep
        buffers for each number that they met."""
        self.columns: dict[int, int] = {}
        """Where each stands."""

    def add(self, slot: int, tokens: Iterable[int]) -> None:
        """Asks for a sequence's."""
        self._by_slot[slot] = tokens
        self._collect()

    def remove(self, slot: int) -> None:
        """Asks for them no more."""
        del self._by_slot[slot]
        self._collect()

    def _collect(self) -> None:
        tokens = dict.fromkeys(token for each in self._by_slot.values() for token in each)
        self.columns = {token: column for column, token in enumerate(tokens)}
        if not tokens:
            self.ids = NO_TOKENS
            return
        self.ids = np.full(1 << (len(tokens) - 1).bit_length(), next(iter(tokens)), np.int64)
        self.ids[: len(tokens)] = list(tokens)
