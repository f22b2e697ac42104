"""As graph_decoding, where each sentence chooses among the tokens of a list of its own.

Knows how the graph is given lists. Does not know what they are made of.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dragoman_export.graphs import LISTED
from dragoman_export.model import ImportedModel
from dragoman_export.network import GROUP_SIZE
from dragoman_export.verification.graph_decoding import GraphDecoder, GraphSteps
from dragoman_export.verification.stepwise import Steps

ListFor = Callable[[Iterable[int]], NDArray[np.int64]]
"""The tokens that a translation of source tokens chooses among, ascending."""


class ListedGraphDecoder(GraphDecoder):
    """The graphs in `directory`, made for the CPU from `model`; it decodes and does not score."""

    def __init__(
        self, directory: Path, model: ImportedModel, list_for: ListFor, weights: NDArray[np.uint8]
    ) -> None:
        """Loads them.

        Args:
            directory: With the graphs.
            model: What they were made of.
            list_for: The list of each sentence.
            weights: (padded vocab, in), of the output projection.
        """
        super().__init__(directory, model, decoder=LISTED)
        self._list_for = list_for
        self._weights = weights

    def _steps(self, sources: Sequence[Sequence[int]], limit: int) -> Steps:
        lengths, caches = self._encode(sources, limit)
        lists = [self._list_for(source) for source in sources]
        union = np.unique(np.concatenate(lists))
        ids = padded_lists(lists, nothing=len(self._weights))
        columns = np.searchsorted(union, ids).clip(0, len(union) - 1)
        given = {
            "union_weight": self._weights[union],
            "list_columns": columns,
            "list_ids": ids,
            "wanted_columns": np.zeros(0, np.int64),
        }
        return GraphSteps(self._decoder, lengths, caches, ids.shape[1], given)


def padded_lists(lists: Sequence[NDArray[np.int64]], nothing: int) -> NDArray[np.int64]:
    """Lists in whole groups of GROUP_SIZE, (lists, listed), filled up with `nothing`."""
    longest = max(map(len, lists))
    ids = np.full((len(lists), -(-longest // GROUP_SIZE) * GROUP_SIZE), nothing)
    for row, each in zip(ids, lists, strict=True):
        row[: len(each)] = each
    return ids
