"""Decoding with the graphs that are made for a GPU, in onnxruntime on the CPU.

So runs what has CPU kernels: graphs of float32, and of float16, which onnxruntime computes in
float32 between rounding to float16. There are none for bfloat16.
"""

from collections.abc import Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from dragoman_export.verification.graph_decoding import BoundStep, Cache, GraphDecoder
from dragoman_export.verification.stepwise import Best, Floats, Steps

RESULTS = ("candidate_ids", "candidate_log_probs")
"""What a step returns beside its caches."""


class DeviceGraphDecoder(GraphDecoder):
    """The graphs in `directory`, made for a GPU from `model`: another decoding step."""

    def _steps(self, sources: Sequence[Sequence[int]], limit: int) -> Steps:
        # At least 2: one query of one place in all would be taken for a prompt.
        return _Steps(self._decoder, *self._encode(sources, max(limit, 2)))


class _Steps:
    """The decoder's buffers for a fixed set of rows, bound once and updated in place."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        source_lengths: Sequence[int],
        caches: dict[str, Cache],
    ) -> None:
        rows = len(source_lengths)
        own = caches.get("self_key_0")
        target_places = 1 if own is None else own.shape[2]  # a recurrent decoder has any number
        self._token_ids = np.zeros(rows, np.int32)
        self._positions = np.zeros(rows, np.int32)
        inputs: dict[str, NDArray[np.generic]] = {
            "token_ids": self._token_ids,
            "positions": self._positions,
            "source_last": np.array(source_lengths, np.int32) - 1,
            "target_places": np.array([target_places], np.int32),
            "source_places": np.array([caches["cross_key_0"].shape[2]], np.int32),
        }
        self._step = BoundStep(session, inputs, caches, RESULTS)

    def best(self, position: int, token_ids: NDArray[np.int64]) -> Best:
        """See stepwise.Steps."""
        ids, log_probs = self._take(position, token_ids)
        return Best(ids[:, 0], log_probs[:, 0], log_probs[:, 0] - log_probs[:, 1])

    def log_probs(
        self,
        position: int,
        token_ids: NDArray[np.int64],
        wanted: NDArray[np.int64],
        live: Sequence[int],
    ) -> Floats:
        """See stepwise.Steps. A token that is not among the candidates counts as the last one."""
        ids, log_probs = self._take(position, token_ids)
        found = ids[live] == wanted[live, None]  # (live, candidates), at most one a row
        places = np.where(found.any(axis=1), found.argmax(axis=1), ids.shape[1] - 1)
        scores: Floats = np.take_along_axis(log_probs[live], places[:, None], axis=1)[:, 0]
        return scores

    def _take(
        self, position: int, token_ids: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Floats]:
        """One step of every row: ids and log-probabilities, (rows, candidates)."""
        self._token_ids[:] = token_ids
        self._positions[:] = position
        ids, log_probs = self._step.run()
        return ids, log_probs
