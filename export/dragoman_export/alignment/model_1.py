"""IBM's model 1: which token of a source each token of its target comes from, by who meets whom.

Source: Brown et al. 1993, "The Mathematics of Statistical Machine Translation". Knows token ids and
nothing else.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ITERATIONS = 8

NOTHING = -1
"""What a target token comes from that comes from no token."""

TOGETHER = 4096
"""Pairs that are looked at together: what is needed beside is as large as their products."""

_TARGETS = 1 << 32
"""More than there are; a source token and a target token are one number by it."""


class TokenPair(NamedTuple):
    """A sentence and its translation."""

    source_ids: Sequence[int]
    target_ids: Sequence[int]


class TranslationTable(NamedTuple):
    """What each source token is translated as, by source token and then by target token."""

    source_ids: NDArray[np.int64]
    """(n,), `NOTHING` among them."""
    target_ids: NDArray[np.int64]
    """(n,)"""
    probabilities: NDArray[np.float64]
    """(n,), of the target token, given the source token."""


class _Links(NamedTuple):
    """Every token of some targets beside every token of their sources, nothing first."""

    keys: NDArray[np.int64]
    """(links,), target token after target token."""
    widths: NDArray[np.int64]
    """(target tokens,), how many are each one's."""


def train(pairs: Sequence[TokenPair]) -> TranslationTable:
    """Finds the table by expectation maximisation."""
    seen = [np.unique(links.keys) for links in _links(pairs)]
    keys = np.unique(np.concatenate(seen)) if seen else np.zeros(0, np.int64)
    places = [
        (np.searchsorted(keys, links.keys).astype(np.int32), links.widths)
        for links in _links(pairs)
    ]
    _, source = np.unique(keys // _TARGETS, return_inverse=True)
    table = np.ones(len(keys))
    for _ in range(ITERATIONS):
        counts = np.zeros(len(keys))
        for index, widths in places:
            counts += np.bincount(index, _shares(table[index], widths), len(keys))
        table = counts / np.bincount(source, counts)[source]
    return TranslationTable(keys // _TARGETS + NOTHING, keys % _TARGETS, table)


def posteriors(pairs: Sequence[TokenPair]) -> list[NDArray[np.float32]]:
    """Probabilities that each target token comes from each source token.

    Trained on the very pairs.

    Returns:
        (target, source) of each pair; what a row lacks to one comes from nothing.
    """
    table = train(pairs)
    keys = _keys(table.source_ids, table.target_ids)
    found = []
    for pair in pairs:
        links = _links_of(pair)
        shares = _shares(table.probabilities[np.searchsorted(keys, links.keys)], links.widths)
        rows = shares.reshape(len(pair.target_ids), -1)[:, 1:]
        found.append(rows.astype(np.float32))
    return found


def _links(pairs: Sequence[TokenPair]) -> Iterator[_Links]:
    for first in range(0, len(pairs), TOGETHER):
        part = [_links_of(pair) for pair in pairs[first : first + TOGETHER]]
        keys, widths = zip(*part, strict=True)
        yield _Links(np.concatenate(keys), np.concatenate(widths))


def _links_of(pair: TokenPair) -> _Links:
    sources, targets = np.array([NOTHING, *pair.source_ids]), np.array(pair.target_ids, np.int64)
    keys = _keys(sources[None], targets[:, None]).ravel()
    return _Links(keys, np.full(len(targets), len(sources)))


def _keys(source_ids: NDArray[np.int64], target_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    keys: NDArray[np.int64] = (source_ids - NOTHING) * _TARGETS + target_ids
    return keys


def _shares(weights: NDArray[np.float64], widths: NDArray[np.int64]) -> NDArray[np.float64]:
    """The part that each link has of all of its target token."""
    rows = np.repeat(np.arange(len(widths)), widths)
    shares: NDArray[np.float64] = weights / np.bincount(rows, weights, len(widths))[rows]
    return shares
