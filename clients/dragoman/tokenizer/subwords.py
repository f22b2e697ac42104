"""Subwords of a word, by merges that subword-nmt or fastBPE learned.

Source: Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units". Knows
one word at a time; does not know texts or ids.
"""

import heapq
from collections.abc import Iterable, Sequence
from pathlib import Path

END_OF_WORD = "</w>"
"""Ends the last subword of a word."""


class Merges:
    """Pairs of subwords that become one, the first learned first."""

    def __init__(self, pairs: Iterable[tuple[str, ...]]) -> None:
        """Takes them in their order; of a pair that is there twice, the last place counts."""
        self._ranks = {pair: rank for rank, pair in enumerate(pairs)}

    def split(self, word: str) -> list[str]:
        """Returns the subwords of a word, which is not empty."""
        return _Word([*word[:-1], word[-1] + END_OF_WORD], self._ranks).merged()


class _Word:
    """The symbols of a word while pairs of them are merged.

    All places of the pair of the lowest rank become one symbol, from left to right; then comes the
    next pair. Places are kept by pair, so that long words take no longer than several short ones.
    """

    def __init__(self, symbols: list[str], ranks: dict[tuple[str, ...], int]) -> None:
        self._symbols: list[str | None] = [*symbols]
        self._next = [*range(1, len(symbols) + 1)]
        self._previous = [*range(-1, len(symbols) - 1)]
        self._ranks = ranks
        self._places: dict[tuple[str, str], list[int]] = {}
        self._queue: list[tuple[int, tuple[str, str]]] = []
        for place in range(len(symbols) - 1):
            self._note(place)

    def merged(self) -> list[str]:
        while self._queue:
            _, pair = heapq.heappop(self._queue)
            for place in sorted(self._places.pop(pair)):
                if self._pair(place) == pair:  # else a merge took one of them since
                    self._merge(place)
        return [symbol for symbol in self._symbols if symbol is not None]

    def _pair(self, place: int) -> tuple[str, str] | None:
        """The symbol at a place and the one after it."""
        if place < 0 or self._next[place] >= len(self._symbols):
            return None
        first, second = self._symbols[place], self._symbols[self._next[place]]
        return None if first is None or second is None else (first, second)

    def _note(self, place: int) -> None:
        pair = self._pair(place)
        if pair is None or pair not in self._ranks:
            return
        if pair not in self._places:
            self._places[pair] = []
            heapq.heappush(self._queue, (self._ranks[pair], pair))
        self._places[pair].append(place)

    def _merge(self, place: int) -> None:
        pair, taken = self._pair(place), self._next[place]
        assert pair is not None
        self._symbols[place], self._symbols[taken] = "".join(pair), None
        self._next[place] = after = self._next[taken]
        if after < len(self._symbols):
            self._previous[after] = place
        self._note(self._previous[place])
        self._note(place)


def read_merges(path: Path) -> Merges:
    """Reads a file of merges, a pair on each line; what comes after a pair is not looked at.

    Raises:
        OSError, ValueError: It cannot be read, or is no text.
    """
    lines: Sequence[str] = path.read_text(encoding="utf-8").split("\n")
    return Merges(tuple(line.split()[:2]) for line in lines)
