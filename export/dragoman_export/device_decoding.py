"""Decoding with the graphs that are made for a GPU, in onnxruntime on the CPU.

So runs what has CPU kernels: graphs of float32, and of float16, which onnxruntime computes in
float32 between rounding to float16. There are none for bfloat16.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from dragoman_export.graph_decoding import BoundStep, Cache, cpu_session, packed, spread
from dragoman_export.graph_files import DECODER, ENCODER
from dragoman_export.model import ImportedModel
from dragoman_export.stepwise import Best, Floats, StepwiseDecoder

RESULTS = ("candidate_ids", "candidate_log_probs")
"""What a step returns beside its caches."""


class DeviceGraphDecoder(StepwiseDecoder):
    """The graphs in `directory`, made for a GPU from `model`."""

    def __init__(self, directory: Path, model: ImportedModel) -> None:
        super().__init__(model)
        self._encoder = cpu_session(directory / ENCODER)
        self._decoder = cpu_session(directory / DECODER)

    def _steps(self, sources: Sequence[Sequence[int]], limit: int) -> "_Steps":
        lengths = [len(source) for source in sources]
        (key_value,) = self._encoder.run(["cross_key_value"], packed(sources))
        # At least 2: one query of one place in all would be taken for a prompt.
        caches = spread(self._model.transformer.config, key_value, lengths, max(limit, 2))
        return _Steps(self._decoder, lengths, caches)


class _Steps:
    """The decoder's buffers for a fixed set of rows, bound once and updated in place."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        source_lengths: Sequence[int],
        caches: dict[str, Cache],
    ) -> None:
        rows = len(source_lengths)
        self._token_ids = np.zeros(rows, np.int32)
        self._positions = np.zeros(rows, np.int32)
        inputs: dict[str, NDArray[np.generic]] = {
            "token_ids": self._token_ids,
            "positions": self._positions,
            "source_last": np.array(source_lengths, np.int32) - 1,
            "target_places": np.array([caches["self_key_0"].shape[2]], np.int32),
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
