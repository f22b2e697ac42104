"""Sentences as the encoder takes them: each once, packed, with places in a padded batch.

Only attention sees the padded batch. Knows arrays; knows nothing of rows or graphs.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class PackedSources(NamedTuple):
    """The encoder's inputs; see the manifest for their meaning."""

    token_ids: NDArray[np.int64]  # (tokens,)
    positions: NDArray[np.int64]  # (tokens,)
    padded_index: NDArray[np.int64]  # (batch, source)
    packed_index: NDArray[np.int64]  # (tokens,)
    source_last: NDArray[np.int32]  # (batch,)

    @property
    def lengths(self) -> list[int]:
        """Tokens of each sentence."""
        lengths: list[int] = (self.source_last + 1).tolist()
        return lengths


MOST_PAIRS = 2**19
"""Pairs of places, over all sentences of the padded batch: what attention takes memory and time
for. Sentences of like lengths stay far below it; a single one may have as many as it likes."""

MOST_TOKENS = 256
"""Of a run, likewise. What lies between the layers of so many stays in a core's own cache, and
onnxruntime keeps the memory of its largest run (docs/benchmarks/tried.md)."""


def distinct(source_ids: Iterable[Sequence[int]]) -> dict[tuple[int, ...], list[int]]:
    """Returns each sentence once, in the order in which they first come, and which ones it is.

    Those are indices: a text that is translated into several languages, or sent more than once,
    is encoded for all of them, as what the encoder makes of it depends on nothing else.
    """
    sentences: dict[tuple[int, ...], list[int]] = {}
    for index, ids in enumerate(source_ids):
        sentences.setdefault(tuple(ids), []).append(index)
    return sentences


def batches(source_ids: Iterable[Sequence[int]]) -> list[list[Sequence[int]]]:
    """Divides sentences, in their order, into those that are encoded together.

    One long sentence would make places for as many tokens of each of its neighbours.
    """
    divided: list[list[Sequence[int]]] = []
    longest = tokens = 0
    for ids in source_ids:
        longest, tokens = max(longest, len(ids)), tokens + len(ids)
        if divided and tokens <= MOST_TOKENS and (len(divided[-1]) + 1) * longest**2 <= MOST_PAIRS:
            divided[-1].append(ids)
        else:
            divided.append([ids])
            longest = tokens = len(ids)
    return divided


def pack(source_ids: Sequence[Sequence[int]]) -> PackedSources:
    """Lays out sentences of one token or more."""
    lengths = np.array([len(ids) for ids in source_ids], np.int64)
    batch, longest = len(lengths), int(lengths.max())
    inside = np.arange(longest) < lengths[:, None]  # (batch, source)
    packed_index = np.flatnonzero(inside)  # (tokens,)
    padded_index = np.zeros((batch, longest), np.int64)
    padded_index[inside] = np.arange(len(packed_index))
    return PackedSources(
        token_ids=np.concatenate([np.array(ids, np.int64) for ids in source_ids]),
        positions=packed_index % longest,
        padded_index=padded_index,
        packed_index=packed_index,
        source_last=(lengths - 1).astype(np.int32),
    )
