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


Projection = tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.float32]]


class ListedGraphDecoder(GraphDecoder):
    """The graphs in `directory`, made for the CPU from `model`; it decodes and does not score."""

    def __init__(
        self,
        directory: Path,
        model: ImportedModel,
        list_for: ListFor,
        projection: Projection,
    ) -> None:
        """Loads them.

        Args:
            directory: With the graphs.
            model: What they were made of.
            list_for: The list of each sentence.
            projection: Weights (padded vocab, in), scales and biases of its tokens.
        """
        super().__init__(directory, model, decoder=LISTED)
        self._list_for = list_for
        self._weights, self._scales, self._biases = projection

    def _steps(self, sources: Sequence[Sequence[int]], limit: int) -> Steps:
        lengths, caches = self._encode(sources, limit)
        lists = [self._list_for(source) for source in sources]
        union = np.unique(np.concatenate(lists))
        width = -(-max(map(len, lists)) // GROUP_SIZE) * GROUP_SIZE
        ids = np.zeros((len(lists), width), np.int64)
        columns = np.full_like(ids, len(union))  # where no token stands
        for row, tokens in enumerate(lists):
            ids[row, : len(tokens)] = tokens
            columns[row, : len(tokens)] = np.searchsorted(union, tokens)
        given: dict[str, NDArray[np.generic]] = {
            "union_weight": np.pad(self._weights[union].T, ((0, 0), (0, 1))),
            "union_scale": np.append(self._scales[union], np.float32(0)),
            "union_bias": np.append(self._biases[union], np.float32(-np.inf)),
            "list_columns": columns,
            "list_ids": ids,
            "wanted_columns": np.zeros(0, np.int64),
        }
        return GraphSteps(self._decoder, lengths, caches, width, given)
