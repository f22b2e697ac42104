"""Greedy and forced decoding with a bundle's two graphs in onnxruntime, many sentences at once.

Uses the graphs as the server does: packed encoder, caches updated in place, one thread. Does not
know text, and takes no care of speed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from dragoman_export.graphs import DECODER, ENCODER
from dragoman_export.model import ImportedModel
from dragoman_export.network import SHARED_ROWS, TransformerConfig
from dragoman_export.verification.stepwise import Best, Floats, Steps, StepwiseDecoder

Cache = NDArray[np.float32] | NDArray[np.float16] | NDArray[np.int8]

RESULTS = ("candidate_ids", "candidate_logits", "log_normalizers")
"""What a step returns beside its caches."""

STATE = "self_state_"
"""What the names of a recurrent decoder's states begin with; a layer's number follows."""

PACKED = ("ids", "positions", "padded", "packed", "last")
"""What follows "source_" and "target_" in names of the graph of attention weights."""

CANDIDATES = 2
"""The chosen token and the next best, which tells a tie."""

LIKELY_CANDIDATES = 64
"""Among which a token is looked for before all are asked for."""


class GraphDecoder(StepwiseDecoder):
    """The graphs in `directory`, made for the CPU from `model`."""

    def __init__(
        self,
        directory: Path,
        model: ImportedModel,
        decoder: str = DECODER,
        *,
        is_screened: bool = False,
    ) -> None:
        """Loads them.

        Args:
            directory: With the graphs.
            model: What they were made of.
            decoder: The name of the decoder's graph.
            is_screened: Whether its greedy steps screen logits: they are taken as well then.
        """
        super().__init__(model)
        self._encoder = cpu_session(directory / ENCODER)
        self._decoder = cpu_session(directory / decoder)
        self._is_screened = is_screened

    def _steps(self, sources: Sequence[Sequence[int]], limit: int) -> Steps:
        lengths, caches = self._encode(sources, limit)
        vocabulary = self._model.config.padded_vocabulary_size
        given = {"wanted_ids": np.zeros(0, np.int64)}
        steps = ScreenedSteps if self._is_screened else GraphSteps
        return steps(self._decoder, lengths, caches, vocabulary, given)

    def _encode(
        self, sources: Sequence[Sequence[int]], limit: int
    ) -> tuple[list[int], dict[str, Cache]]:
        """The sources' lengths, and the caches; see `spread`."""
        lengths = [len(source) for source in sources]
        (key_value,) = self._encoder.run(["cross_key_value"], packed(sources))
        return lengths, spread(self._model.config, key_value, lengths, limit)


def spread(
    config: TransformerConfig, key_value: Cache, lengths: Sequence[int], limit: int
) -> dict[str, Cache]:
    """The decoder's caches, one row a sentence, for targets of at most `limit` tokens.

    Args:
        config: Of the model.
        key_value: What the encoder returns, (2 * layers, heads, tokens, head_dim).
        lengths: Source tokens of each sentence.
        limit: Places of the self-attention caches, where there are any.
    """
    rows, heads, head_dim = len(lengths), config.decoder_heads, config.decoder_head_dim
    source = np.zeros((len(key_value), rows, heads, max(lengths), head_dim), key_value.dtype)
    ends = np.cumsum(lengths)
    for row, (length, end) in enumerate(zip(lengths, ends, strict=True)):
        source[:, row, :, :length] = key_value[:, :, end - length : end]
    caches: dict[str, Cache] = {}
    for layer in range(config.decoder_layers):
        if config.recurrent:
            caches[f"self_state_{layer}"] = np.zeros((rows, config.model_dim), np.float32)
        else:
            for name in ("self_key", "self_value"):
                empty = np.zeros((rows, heads, limit, head_dim), key_value.dtype)
                caches[f"{name}_{layer}"] = empty
        caches[f"cross_key_{layer}"] = source[2 * layer]
        caches[f"cross_value_{layer}"] = source[2 * layer + 1]
    return caches


def nothing_shared(heads: int) -> dict[str, NDArray[np.generic]]:
    """The decoder's inputs that say that each row has a source of its own."""
    return {
        "is_shared": np.array(0, np.bool_),
        "query_index": np.zeros((0, heads * SHARED_ROWS), np.int64),
        "attended_index": np.zeros((0, heads), np.int64),
    }


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


def packed_pairs(
    sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
) -> dict[str, NDArray[np.generic]]:
    """The inputs of the graph of attention weights; each target begins with the start token."""
    inputs: dict[str, NDArray[np.generic]] = {}
    for side, sequences in (("source", sources), ("target", targets)):
        for name, array in zip(PACKED, packed(sequences).values(), strict=True):
            inputs[f"{side}_{name}"] = array
    return inputs


class GraphSteps:
    """The decoder's buffers for a fixed set of rows, bound once and updated in place."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        source_lengths: Sequence[int],
        caches: dict[str, Cache],
        vocabulary: int,
        given: Mapping[str, NDArray[np.generic]],
    ) -> None:
        """Binds them.

        Args:
            session: Of the decoder's graph.
            source_lengths: Tokens of each row's source.
            caches: See `spread`.
            vocabulary: Tokens that a row chooses among.
            given: What the graph is given beside what every decoder is.
        """
        rows = len(source_lengths)
        self._vocabulary = vocabulary
        self._token_ids = np.zeros(rows, np.int64)
        self._positions = np.zeros(rows, np.int32)
        self._count = np.zeros(1, np.int64)
        self._with_normalizers = np.zeros((), np.bool_)
        inputs: dict[str, NDArray[np.generic]] = {
            "token_ids": self._token_ids,
            "positions": self._positions,
            "source_last": np.array(source_lengths, np.int32) - 1,
            "candidate_count": self._count,
            "with_normalizers": self._with_normalizers,
            **nothing_shared(caches["cross_key_0"].shape[1]),
            **given,
        }
        self._step = BoundStep(session, inputs, caches, RESULTS)
        self._states = [cache for name, cache in caches.items() if name.startswith(STATE)]
        self._states_before: list[Cache] = []
        self._taken = -1

    def best(self, position: int, token_ids: NDArray[np.int64]) -> Best:
        """See stepwise.Steps."""
        ids, logits, normalizers = self._take(position, token_ids, CANDIDATES)
        return Best(ids[:, 0], logits[:, 0] - normalizers, logits[:, 0] - logits[:, 1])

    def log_probs(
        self,
        position: int,
        token_ids: NDArray[np.int64],
        wanted: NDArray[np.int64],
        live: Sequence[int],
    ) -> Floats:
        """See stepwise.Steps. The wanted tokens are hardly ever far from the best."""
        for count in (LIKELY_CANDIDATES, self._vocabulary):
            ids, logits, normalizers = self._take(position, token_ids, min(count, self._vocabulary))
            found = ids[live] == wanted[live, None]  # (live, candidates), at most one a row
            if found.any(axis=1).all():
                break
        log_probs: Floats = logits[live][found] - normalizers[live]
        return log_probs

    def _take(
        self,
        position: int,
        token_ids: NDArray[np.int64],
        count: int,
        *,
        with_normalizers: bool = True,
    ) -> list[Any]:
        """One step of every row: ids and logits (rows, count), normalizers (rows,)."""
        if position == self._taken:  # again: keys and values are written once more, states move on
            for state, before in zip(self._states, self._states_before, strict=True):
                state[...] = before
        else:
            self._taken, self._states_before = position, [each.copy() for each in self._states]
        self._token_ids[:] = token_ids
        self._positions[:] = position
        self._count[:] = count
        self._with_normalizers[...] = with_normalizers
        return self._step.run()


class ScreenedSteps(GraphSteps):
    """Of a graph that finds a greedy step's token in another way than candidates."""

    def best(self, position: int, token_ids: NDArray[np.int64]) -> Best:
        """See stepwise.Steps. The token is that of a step as greedy search takes it.

        Its log-probability is told by a second step; it is -inf where that has another best token
        and next best.
        """
        chosen, _, _ = self._take(position, token_ids, 1, with_normalizers=False)
        ids, logits, normalizers = self._take(position, token_ids, CANDIDATES)
        logit = np.where(ids == chosen, logits, -np.inf).max(axis=1)
        return Best(chosen[:, 0], logit - normalizers, logits[:, 0] - logits[:, 1])


class BoundStep:
    """A decoder with its inputs and caches bound; changing the arrays changes the next run."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        inputs: dict[str, NDArray[np.generic]],
        caches: dict[str, Cache],
        results: Sequence[str],
    ) -> None:
        """`results` are the outputs that are wanted beside the caches."""
        self._session = session
        self._results = results
        self._binding = session.io_binding()
        self._bound: list[onnxruntime.OrtValue] = []  # the binding holds addresses, not references
        self._bind_results()
        for name, array in inputs.items():
            self._bind(name, array)
        for name, cache in caches.items():
            value = self._bind(name, cache)
            self._binding.bind_ortvalue_output(f"{name}_out", value)

    def _bind_results(self) -> None:
        """Anew for every step: a binding keeps what it returned, and the shape of it."""
        for name in self._results:
            self._binding.bind_output(name)

    def _bind(self, name: str, array: NDArray[np.generic]) -> onnxruntime.OrtValue:
        value = onnxruntime.OrtValue.ortvalue_from_numpy(array)
        self._bound.append(value)
        self._binding.bind_ortvalue_input(name, value)
        return value

    def run(self) -> list[Any]:
        """Takes a step; returns the results as arrays."""
        self._bind_results()
        self._session.run_with_iobinding(self._binding)
        return [value.numpy() for value in self._binding.get_outputs()[: len(self._results)]]


def cpu_session(path: Path) -> onnxruntime.InferenceSession:
    """Loads a graph as the server does on a CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        path,
        options,
        providers=["CPUExecutionProvider"],
        # The fused operator is several times slower on CPU than the two that it replaces.
        disabled_optimizers=["SkipLayerNormFusion"],
    )
