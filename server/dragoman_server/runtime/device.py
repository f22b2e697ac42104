"""A GPU's memory and graphs in onnxruntime, as small as the runner needs them.

The same calls work on the CPU, where nothing is recorded: so the logic above is tested. Knows
onnxruntime and addresses; knows nothing of rows, caches or steps.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime import OrtValue

from dragoman_server.errors import BundleError, ConfigError

DeviceKind = Literal["cuda", "cpu"]

WORD_BYTES = 8
"""Memory is handed out in 64-bit words, whatever they hold: numpy has no bfloat16."""

NOT_RECORDED = -1
"""In place of a recording's number: the run is neither recorded nor replayed."""

_ELEMENT_TYPES: dict[str, Any] = {
    "float": np.float32,
    "float16": np.float16,
    "bfloat16": 16,  # onnx.TensorProto.BFLOAT16
    "int32": np.int32,
    "int64": np.int64,
}

_CUDA_OPTIONS = {
    "device_id": "0",
    # An arena that doubles would take memory that the caches need.
    "arena_extend_strategy": "kSameAsRequested",
    # Sums in float32: the default adds up a row in its own 8 or 11 bits of precision.
    "enable_skip_layer_norm_strict_mode": "1",
}


class View(NamedTuple):
    """A tensor in a device's memory."""

    address: int
    shape: tuple[int, ...]
    element_type: str
    """ONNX name."""


class Buffer(Protocol):
    """Memory of a device, as long as the object lives."""

    @property
    def address(self) -> int:
        """Where it begins."""

    def write(self, words: NDArray[np.int64]) -> None:
        """Replaces the whole contents: one transfer to the device."""

    def read(self) -> NDArray[np.int64]:
        """Returns the whole contents: one transfer from the device."""


class Binding(Protocol):
    """A graph with its inputs and outputs in place."""

    def set_input(self, name: str, array: NDArray[Any]) -> None:
        """Hands over an input from the host; never of a recorded graph."""

    def run(self, recording: int = NOT_RECORDED) -> None:
        """Runs the graph: records it at a number's first run and replays it after that."""

    def output(self) -> View:
        """The first output, where the device was to allocate it; good until the next run."""


class Graph(Protocol):
    """A loaded graph."""

    def bind(
        self, inputs: Mapping[str, View | NDArray[Any]], outputs: Mapping[str, View | None]
    ) -> Binding:
        """Puts inputs and outputs in place; the device allocates outputs that are None."""


class Device(Protocol):
    """Where the caches are and the graphs run."""

    def allocate(self, words: int) -> Buffer:
        """Returns zeros."""

    def load(self, path: Path) -> Graph:
        """Loads a graph."""

    def load_recorded(self, path: Path) -> Graph:
        """Loads a graph whose runs can be recorded."""


class OrtDevice:
    """The first GPU, or the CPU in its place."""

    def __init__(self, kind: DeviceKind) -> None:
        self._kind: DeviceKind = kind
        if kind == "cuda":
            onnxruntime.preload_dlls()

    def allocate(self, words: int) -> "OrtBuffer":
        """Returns zeros: what was in the memory before might be no number.

        Raises:
            ConfigError: The device has no room.
        """
        try:
            value = OrtValue.ortvalue_from_shape_and_type([words], np.int64, self._kind, 0)
        except Exception as error:  # onnxruntime's exceptions share no other root
            raise ConfigError(
                f"no room for {words * WORD_BYTES:,} bytes on the device: lower kv_cache_memory, "
                f"max_batch_size or the lengths ({error})"
            ) from error
        buffer = OrtBuffer(value)
        buffer.write(np.zeros(words, np.int64))
        return buffer

    def load(self, path: Path) -> "OrtGraph":
        """Loads a graph that is run as it comes.

        Raises:
            BundleError: It cannot be loaded.
            ConfigError: The device does not start.
        """
        return self._load(path, {})

    def load_recorded(self, path: Path) -> "OrtGraph":
        """Loads a graph whose runs become CUDA graphs. onnxruntime refuses it if it cannot.

        Raises:
            BundleError: It cannot be loaded.
            ConfigError: The device does not start.
        """
        return self._load(path, {"enable_cuda_graph": "1"})

    def session(self, path: Path) -> onnxruntime.InferenceSession:
        """Loads a graph whose inputs and outputs are on the host.

        Raises:
            BundleError: It cannot be loaded.
            ConfigError: The device does not start.
        """
        return self._session(path, {})

    def _load(self, path: Path, cuda_options: dict[str, str]) -> "OrtGraph":
        return OrtGraph(self._session(path, cuda_options), self._kind)

    def _session(self, path: Path, cuda_options: dict[str, str]) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised, and stderr may have no reader
        providers: list[Any] = ["CPUExecutionProvider"]
        if self._kind == "cuda":
            providers.insert(0, ("CUDAExecutionProvider", _CUDA_OPTIONS | cuda_options))
        try:
            session = onnxruntime.InferenceSession(path, options, providers=providers)
        except Exception as error:  # onnxruntime's exceptions share no other root
            raise BundleError(f"{path} cannot be loaded: {error}") from error
        if self._kind == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
            raise ConfigError(
                f"provider cuda does not start: onnxruntime chose {session.get_providers()}"
            )
        return session


class OrtBuffer:
    """Words in an OrtValue."""

    def __init__(self, value: OrtValue) -> None:
        self._value = value
        self.address: int = value.data_ptr()

    def write(self, words: NDArray[np.int64]) -> None:
        """See Buffer."""
        self._value.update_inplace(words)

    def read(self) -> NDArray[np.int64]:
        """See Buffer."""
        words: NDArray[np.int64] = self._value.numpy()
        return words


class OrtGraph:
    """A session."""

    def __init__(self, session: onnxruntime.InferenceSession, kind: DeviceKind) -> None:
        self._session = session
        self._kind = kind

    def bind(
        self, inputs: Mapping[str, View | NDArray[Any]], outputs: Mapping[str, View | None]
    ) -> "OrtBinding":
        """See Graph."""
        binding = self._session.io_binding()
        for name, value in inputs.items():
            if isinstance(value, View):
                binding.bind_input(name, *self._place(value))
            else:
                binding.bind_cpu_input(name, value)
        for name, view in outputs.items():
            if view is None:
                binding.bind_output(name, self._kind)
            else:
                binding.bind_output(name, *self._place(view))
        return OrtBinding(self._session, binding)

    def _place(self, view: View) -> tuple[str, int, Any, list[int], int]:
        element = _ELEMENT_TYPES[view.element_type]
        return self._kind, 0, element, list(view.shape), view.address


class OrtBinding:
    """An IOBinding of a session."""

    def __init__(
        self, session: onnxruntime.InferenceSession, binding: onnxruntime.IOBinding
    ) -> None:
        self._session = session
        self._binding = binding
        self._options: dict[int, Any] = {}
        self._outputs: list[Any] = []

    def set_input(self, name: str, array: NDArray[Any]) -> None:
        """See Binding."""
        self._binding.bind_cpu_input(name, array)

    def run(self, recording: int = NOT_RECORDED) -> None:
        """See Binding."""
        if recording not in self._options:
            options = onnxruntime.RunOptions()
            options.add_run_config_entry("gpu_graph_id", str(recording))
            self._options[recording] = options
        self._session.run_with_iobinding(self._binding, self._options[recording])

    def output(self) -> View:
        """See Binding."""
        self._outputs = self._binding.get_outputs()
        first = self._outputs[0]
        element_type = first.data_type().removeprefix("tensor(").removesuffix(")")
        return View(first.data_ptr(), tuple(first.shape()), element_type)
