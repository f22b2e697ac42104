"""IBM's model 1: which token of a source each token of its target comes from, by who meets whom.

Source: Brown et al. 1993, "The Mathematics of Statistical Machine Translation". Knows token ids and
nothing else.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ITERATIONS = 8

NOTHING = -1
"""What a target token comes from that comes from no token."""


class TokenPair(NamedTuple):
    """A sentence and its translation."""

    source_ids: Sequence[int]
    target_ids: Sequence[int]


def posteriors(pairs: Sequence[TokenPair]) -> list[NDArray[np.float32]]:
    """Probabilities that each target token comes from each source token.

    Trained on the very pairs, by expectation maximisation.

    Returns:
        (target, source) of each pair; what a row lacks to one comes from nothing.
    """
    table: dict[tuple[int, int], float] = defaultdict(lambda: 1.0)
    for _ in range(ITERATIONS):
        counts: dict[tuple[int, int], float] = defaultdict(float)
        totals: dict[int, float] = defaultdict(float)
        for pair in pairs:
            sources = [NOTHING, *pair.source_ids]
            for row, target in zip(_rows(table, pair), pair.target_ids, strict=True):
                for source, share in zip(sources, row.tolist(), strict=True):
                    counts[source, target] += share
                    totals[source] += share
        table = {pair: count / totals[pair[0]] for pair, count in counts.items()}
    return [_rows(table, pair)[:, 1:].astype(np.float32) for pair in pairs]


def _rows(table: dict[tuple[int, int], float], pair: TokenPair) -> NDArray[np.float64]:
    """(target, 1 + source), nothing first; rows sum up to one."""
    sources = [NOTHING, *pair.source_ids]
    rows = np.array([[table[source, target] for source in sources] for target in pair.target_ids])
    probabilities: NDArray[np.float64] = rows / rows.sum(axis=1, keepdims=True)
    return probabilities
