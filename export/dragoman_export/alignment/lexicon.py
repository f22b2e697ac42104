"""What each source token may be translated as: of the model's own translations, by IBM's model 1.

A sentence's list has the frequent tokens and what its tokens may be translated as. Source: Devlin
2017, "Sharp Models on Dull Hardware", section 5; Marian's lexical shortlists are made likewise.
Knows token ids. Does not know text, weights or files.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_export.alignment.model_1 import NOTHING, TokenPair, TranslationTable, train

FREQUENT = 200
"""Target tokens that every list has."""

MOST_TRANSLATIONS = 100
"""Target tokens of one source token."""

LEAST_PROBABILITY = 1e-3
"""Of those. Twice the tokens gained nothing, half of them cost 0.02 BLEU where 40,000 sentences
were translated: docs/benchmarks/tried.md."""


class Lexicon(NamedTuple):
    """As `dragoman.v1.Shortlist`."""

    offsets: NDArray[np.int64]
    """(source tokens + 1,)"""
    tokens: NDArray[np.int32]
    """Of all source tokens, one after the other, likeliest first."""
    frequent: NDArray[np.int32]

    def list_for(self, source_ids: Iterable[int]) -> NDArray[np.int64]:
        """The tokens that a sentence's translation chooses among, each once, ascending."""
        parts = [self.frequent]
        parts += [self.tokens[self.offsets[i] : self.offsets[i + 1]] for i in set(source_ids)]
        found: NDArray[np.int64] = np.unique(np.concatenate(parts)).astype(np.int64)
        return found


def make_lexicon(
    pairs: Sequence[TokenPair], *, source_size: int, target_size: int, end_id: int, is_joint: bool
) -> Lexicon:
    """The lexicon of sentences and what the model says of them.

    Args:
        pairs: Targets end with the end token, or do without it.
        source_size: Tokens of sources.
        target_size: Tokens of targets.
        end_id: Ends a target; every list has it.
        is_joint: Whether a token of a source is the same in a target: then it may be copied.
    """
    table = _likely(train(pairs))
    if is_joint:
        table = _with_copies(table, source_size)
    offsets = np.searchsorted(table.source_ids, np.arange(source_size + 1))
    counts = np.zeros(target_size, np.int64)
    for pair in pairs:
        np.add.at(counts, list(pair.target_ids), 1)
    counts[end_id] = counts.max() + 1
    frequent = np.argsort(-counts, kind="stable")[:FREQUENT]
    return Lexicon(
        offsets.astype(np.int64), table.target_ids.astype(np.int32), frequent.astype(np.int32)
    )


def _likely(table: TranslationTable) -> TranslationTable:
    """Of each source token the likeliest."""
    kept = (table.probabilities >= LEAST_PROBABILITY) & (table.source_ids != NOTHING)
    sources, targets, likely = (column[kept] for column in table)
    order = np.lexsort((targets, -likely, sources))
    sources, targets, likely = sources[order], targets[order], likely[order]
    rank = np.arange(len(sources)) - np.searchsorted(sources, sources)
    kept = rank < MOST_TRANSLATIONS
    return TranslationTable(sources[kept], targets[kept], likely[kept])


def _with_copies(table: TranslationTable, size: int) -> TranslationTable:
    """Each token is likely, behind all others, to be said as it is; once is enough."""
    others = table.source_ids != table.target_ids
    copied = np.arange(size)
    sources = np.concatenate((table.source_ids[others], copied))
    order = np.argsort(sources, kind="stable")
    targets = np.concatenate((table.target_ids[others], copied))
    likely = np.concatenate((table.probabilities[others], np.zeros(size)))
    return TranslationTable(sources[order], targets[order], likely[order])
