"""The decoder of a bundle, one step of one sentence at a time.

Caches are bound once for each length and updated in place, as the server's are. They are zeros:
time does not depend on what is in them.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from dragoman_export.growth.bundle import Inputs
from dragoman_export.growth.sessions import median_seconds, options, session

TYPES = {
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(float)": np.float32,
    "tensor(int8)": np.int8,
}

RESULTS = ("candidate_ids", "candidate_logits")
"""What a greedy step is asked for, beside its caches."""

SUFFIX = "_out"
"""Of a cache as it is returned."""


class TimedStep:
    """A decoder whose steps are timed."""

    def __init__(self, graph: Path, threads: int) -> None:
        self._session = session(graph, options(threads))

    def seconds(self, length: int, at_least: float) -> float:
        """Returns the median time of steps half-way through a translation as long as its source.

        Args:
            length: Source tokens.
            at_least: Seconds that all the steps take together; one may take more.
        """
        values = {
            name: onnxruntime.OrtValue.ortvalue_from_numpy(array)
            for name, array in step_inputs(self._session, length).items()
        }  # for as long as the binding, which holds addresses alone
        binding = self._bind(values)
        return median_seconds(lambda: self._session.run_with_iobinding(binding), at_least)

    def _bind(self, values: Mapping[str, onnxruntime.OrtValue]) -> onnxruntime.IOBinding:
        binding = self._session.io_binding()
        returned = {value.name for value in self._session.get_outputs()}
        for name, value in values.items():
            binding.bind_ortvalue_input(name, value)
            if f"{name}{SUFFIX}" in returned:
                binding.bind_ortvalue_output(f"{name}{SUFFIX}", value)
        for name in RESULTS:
            binding.bind_output(name)
        return binding


def step_inputs(decoder: onnxruntime.InferenceSession, length: int) -> Inputs:
    """Returns a decoder's inputs for one row in the middle of a translation.

    Args:
        decoder: Whose inputs are as docs/architecture.md has them.
        length: Source tokens, and places for target tokens.
    """
    sizes = {
        "rows": 1,
        "sources": 1,
        "groups": 0,  # no rows share a source
        "grouped_rows": 0,
        "wanted": 0,  # nothing must be said
        "target_capacity": length,
        "source_capacity": length,
    }
    inputs = {
        value.name: _zeros(value.shape, TYPES[value.type], sizes) for value in decoder.get_inputs()
    }
    for name, number in {
        "positions": length // 2,
        "source_last": length - 1,
        "candidate_count": 1,
    }.items():
        inputs[name][:] = number
    return inputs


def _zeros(
    shape: list[int | str], kind: type[np.generic], sizes: Mapping[str, int]
) -> NDArray[np.generic]:
    return np.zeros([size if isinstance(size, int) else sizes[size] for size in shape], kind)
