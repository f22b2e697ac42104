"""A graph of a few nodes, run with its inputs and outputs in place. Knows onnx and onnxruntime."""

from collections.abc import Callable, Sequence
from typing import Any

import onnxruntime
from numpy.typing import NDArray
from onnx import helper
from onnxruntime import OrtValue


def bound(
    nodes: Sequence[Any],
    given: dict[str, NDArray[Any]],
    outputs: dict[str, tuple[int, NDArray[Any]]],
) -> Callable[[], None]:
    """Returns what runs a graph of `nodes` once on one thread of a CPU, unoptimised.

    Args:
        nodes: ONNX nodes.
        given: Inputs by name.
        outputs: By name: the element type in ONNX's numbers, and where the output goes.
    """
    graph = helper.make_graph(
        nodes,
        "attention",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in given.items()
        ],
        [
            helper.make_tensor_value_info(name, number, array.shape)
            for name, (number, array) in outputs.items()
        ],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    binding = session.io_binding()
    for name, array in given.items():
        binding.bind_ortvalue_input(name, OrtValue.ortvalue_from_numpy(array))
    for name, (_, array) in outputs.items():
        binding.bind_ortvalue_output(name, OrtValue.ortvalue_from_numpy(array))
    return lambda: session.run_with_iobinding(binding)
