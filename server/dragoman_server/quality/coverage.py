"""Which part of a source nothing of its translation stands for, by the alignment of their words.

Knows words and weights. Single words that are left out are the translator's freedom; what is lost
is several in a row.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dragoman.alignment import Side, align, words_of
from dragoman_server.texts import Span

LEAST_WORDS = 4
"""In a row."""

LEAST_SHARE = 0.25
"""Of the source's words."""

COVERED = 0.2
"""Of a target word's attention, together, that a word has which something stands for."""


def uncovered(
    source: str,
    target: str,
    weights: NDArray[np.float32],
    source_spans: Sequence[tuple[int, int]],
    target_spans: Sequence[tuple[int, int]],
) -> Span | None:
    """Returns the longest part of the source that is lost; None where none is.

    Args:
        source: The text.
        target: Its translation.
        weights: (target tokens, source tokens), where each target token comes from.
        source_spans: Where each source token stands in its text.
        target_spans: Likewise.
    """
    words = words_of(source)
    sides = Side(words, source_spans), Side(words_of(target), target_spans)
    mass = np.zeros(len(words))
    for link in align(weights, *sides):
        mass[link.source] += link.weight
    spoken = [
        (word, has >= COVERED)
        for word, has in zip(words, mass.tolist(), strict=True)
        if any(map(str.isalpha, source[word[0] : word[1]]))
    ]
    begin = best = end = 0
    for at, (_, is_covered) in enumerate(spoken, 1):
        if is_covered:
            begin = at
        elif at - begin > best:
            best, end = at - begin, at
    if best < max(LEAST_WORDS, LEAST_SHARE * len(spoken)):
        return None
    return Span(spoken[end - best][0][0], spoken[end - 1][0][1])
