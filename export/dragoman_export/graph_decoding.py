"""Greedy and forced decoding with a bundle's two graphs in onnxruntime, many sentences at once.

Uses the graphs as the server does: packed encoder, caches updated in place, one thread. Does not
know text, and takes no care of speed.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from dragoman_export.config import TransformerConfig
from dragoman_export.graph_files import DECODER, ENCODER
from dragoman_export.hypothesis import Hypothesis
from dragoman_export.model import ImportedModel

Floats = NDArray[np.float32]

Cache = NDArray[np.float32] | NDArray[np.int8]

RESULTS = ("candidate_ids", "candidate_logits", "log_normalizers")
"""What a step returns beside its caches."""

CANDIDATES = 2
"""The chosen token and the next best, which tells a tie."""

LIKELY_CANDIDATES = 64
"""Among which a token is looked for before all are asked for."""


class GraphDecoder:
    """The graphs in `directory`, made from `model`."""

    def __init__(self, directory: Path, model: ImportedModel) -> None:
        self._model = model
        self._encoder = _session(directory / ENCODER)
        self._decoder = _session(directory / DECODER)

    def decode(self, sources: Sequence[Sequence[int]], limit: int) -> list[Hypothesis]:
        """Best token after best token for each of `sources`, at most `limit` each."""
        steps = self._steps(sources, limit)
        token_ids = np.full(len(sources), self._model.decoder_start_id)
        hypotheses = [Hypothesis() for _ in sources]
        unfinished = set(range(len(sources)))
        for position in range(limit):
            ids, logits, normalizers = steps.take(position, token_ids, CANDIDATES)
            log_probs, margins = logits[:, 0] - normalizers, logits[:, 0] - logits[:, 1]
            for row in sorted(unfinished):
                token_id = int(ids[row, 0])
                hypotheses[row].add(token_id, float(log_probs[row]), float(margins[row]))
                if token_id == self._model.end_id:
                    unfinished.remove(row)
            if not unfinished:
                break
            token_ids = ids[:, 0]
        return hypotheses

    def score(
        self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """Log-probability of every token of each target, given the source and those before it."""
        longest = max(len(target) for target in targets)
        steps = self._steps(sources, longest)
        token_ids = np.full(len(sources), self._model.decoder_start_id)
        scores: list[list[float]] = [[] for _ in sources]
        for position in range(longest):
            live = [row for row, target in enumerate(targets) if len(target) > position]
            wanted = np.zeros_like(token_ids)
            wanted[live] = [targets[row][position] for row in live]
            log_probs = self._log_probs(steps, position, token_ids, wanted, live)
            for row, log_prob in zip(live, log_probs.tolist(), strict=True):
                scores[row].append(log_prob)
            token_ids = wanted
        return scores

    def _log_probs(
        self,
        steps: "_Steps",
        position: int,
        token_ids: NDArray[np.int64],
        wanted: NDArray[np.int64],
        live: Sequence[int],
    ) -> Floats:
        """Log-probabilities of the tokens `wanted` in the rows `live`.

        They are hardly ever far from the best, and a step can be taken again.
        """
        everything = self._model.transformer.config.padded_vocabulary_size
        for count in (LIKELY_CANDIDATES, everything):
            ids, logits, normalizers = steps.take(position, token_ids, min(count, everything))
            found = ids[live] == wanted[live, None]  # (live, candidates), at most one a row
            if found.any(axis=1).all():
                break
        log_probs: Floats = logits[live][found] - normalizers[live]
        return log_probs

    def _steps(self, sources: Sequence[Sequence[int]], limit: int) -> "_Steps":
        lengths = [len(source) for source in sources]
        (key_value,) = self._encoder.run(["cross_key_value"], packed(sources))
        caches = spread(self._model.transformer.config, key_value, lengths, limit)
        return _Steps(self._decoder, lengths, caches)


def spread(
    config: TransformerConfig, key_value: Cache, lengths: Sequence[int], limit: int
) -> dict[str, Cache]:
    """The decoder's caches, one row a sentence, for targets of at most `limit` tokens.

    Args:
        config: Of the model.
        key_value: What the encoder returns, (2 * layers, heads, tokens, head_dim).
        lengths: Source tokens of each sentence.
        limit: Places of the self-attention caches.
    """
    heads, head_dim = config.decoder_heads, config.decoder_head_dim
    target = (len(lengths), heads, limit, head_dim)
    source = np.zeros(
        (len(key_value), len(lengths), heads, max(lengths), head_dim), key_value.dtype
    )
    ends = np.cumsum(lengths)
    for row, (length, end) in enumerate(zip(lengths, ends, strict=True)):
        source[:, row, :, :length] = key_value[:, :, end - length : end]
    caches: dict[str, Cache] = {}
    for layer in range(config.decoder_layers):
        caches[f"self_key_{layer}"] = np.zeros(target, key_value.dtype)
        caches[f"self_value_{layer}"] = np.zeros(target, key_value.dtype)
        caches[f"cross_key_{layer}"] = source[2 * layer]
        caches[f"cross_value_{layer}"] = source[2 * layer + 1]
    return caches


def packed(sources: Sequence[Sequence[int]]) -> dict[str, NDArray[np.generic]]:
    """The encoder's inputs for sentences that lie one after the other."""
    lengths = np.array([len(source) for source in sources])
    longest = int(lengths.max())
    starts = np.cumsum(lengths) - lengths
    places = np.arange(longest)
    inside = places[None] < lengths[:, None]  # (batch, source)
    return {
        "token_ids": np.concatenate([np.array(source, np.int64) for source in sources]),
        "positions": np.broadcast_to(places, inside.shape)[inside].astype(np.int64),
        "padded_index": np.where(inside, starts[:, None] + places, 0).astype(np.int64),
        "packed_index": np.flatnonzero(inside).astype(np.int64),
        "source_last": (lengths - 1).astype(np.int32),
    }


class _Steps:
    """The decoder's buffers for a fixed set of rows, bound once and updated in place."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        source_lengths: Sequence[int],
        caches: dict[str, Cache],
    ) -> None:
        rows = len(source_lengths)
        self._session = session
        self._binding = session.io_binding()
        self._token_ids = np.zeros(rows, np.int64)
        self._positions = np.zeros(rows, np.int32)
        self._count = np.zeros(1, np.int64)
        self._bound: list[onnxruntime.OrtValue] = []  # the binding holds addresses, not references
        self._bind_results()
        self._bind("token_ids", self._token_ids)
        self._bind("positions", self._positions)
        self._bind("source_last", np.array(source_lengths, np.int32) - 1)
        self._bind("candidate_count", self._count)
        self._bind("with_normalizers", np.array(1, np.bool_))
        for name, cache in caches.items():
            value = self._bind(name, cache)
            self._binding.bind_ortvalue_output(f"{name}_out", value)

    def _bind_results(self) -> None:
        """Anew for every step: a binding keeps what it returned, and the shape of it."""
        for name in RESULTS:
            self._binding.bind_output(name)

    def _bind(self, name: str, array: NDArray[np.generic]) -> onnxruntime.OrtValue:
        value = onnxruntime.OrtValue.ortvalue_from_numpy(array)
        self._bound.append(value)
        self._binding.bind_ortvalue_input(name, value)
        return value

    def take(
        self, position: int, token_ids: NDArray[np.int64], count: int
    ) -> tuple[NDArray[np.int64], Floats, Floats]:
        """One step of every row: ids and logits (rows, count), normalizers (rows,)."""
        self._token_ids[:] = token_ids
        self._positions[:] = position
        self._count[:] = count
        self._bind_results()
        self._session.run_with_iobinding(self._binding)
        results = self._binding.get_outputs()[: len(RESULTS)]
        ids, logits, normalizers = (value.numpy() for value in results)
        return ids, logits, normalizers


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        path,
        options,
        providers=["CPUExecutionProvider"],
        # The fused operator is several times slower on CPU than the two that it replaces.
        disabled_optimizers=["SkipLayerNormFusion"],
    )
