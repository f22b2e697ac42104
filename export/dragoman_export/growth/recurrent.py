"""A recurrent encoder to compare with, as an ONNX graph: layers of bidirectional LSTM.

Each layer takes and yields vectors of the width of the Transformer's, as its layers do: either
direction has half of it. Weights are drawn at random: time does not depend on them.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from dragoman_export.growth.bundle import Inputs

OPSET = 17
IR_VERSION = 8
GATES = 4
DIRECTIONS = 2
SEED = 0


def recurrent_encoder(width: int, layers: int) -> bytes:
    """Returns the graph: `vectors` (tokens, 1, width) to `encoded`, likewise.

    Args:
        width: Of the vectors that each layer takes and yields; even.
        layers: How many.
    """
    random = np.random.default_rng(SEED)
    hidden = width // DIRECTIONS
    nodes: list[onnx.NodeProto] = []
    weights = [_constant("shape", np.array([0, 0, width], np.int64))]
    vectors = "vectors"
    for layer in range(layers):
        shapes = {
            "input": (DIRECTIONS, GATES * hidden, width),
            "recurrence": (DIRECTIONS, GATES * hidden, hidden),
            "bias": (DIRECTIONS, 2 * GATES * hidden),
        }
        bound = hidden**-0.5
        names = [f"{name}_{layer}" for name in shapes]
        for name, shape in zip(names, shapes.values(), strict=True):
            weights.append(_constant(name, random.uniform(-bound, bound, shape).astype(np.float32)))
        encoded = "encoded" if layer == layers - 1 else f"encoded_{layer}"
        nodes += _layer(vectors, names, encoded, hidden)
        vectors = encoded
    form: list[str | int | None] = ["tokens", 1, width]
    graph = helper.make_graph(
        nodes,
        "recurrent encoder",
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, form)],
        [helper.make_tensor_value_info("encoded", TensorProto.FLOAT, form)],
        weights,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    return model.SerializeToString()


def recurrent_inputs(width: int, length: int) -> Inputs:
    """Returns the graph's input for one sentence of so many tokens."""
    vectors = np.random.default_rng(SEED).standard_normal((length, 1, width), np.float32)
    return {"vectors": vectors}


def _layer(vectors: str, weights: list[str], encoded: str, hidden: int) -> list[onnx.NodeProto]:
    """Both directions of a layer, whose results are put together."""
    both, beside = f"{encoded}_both", f"{encoded}_beside"
    return [
        helper.make_node(
            "LSTM", [vectors, *weights], [both], hidden_size=hidden, direction="bidirectional"
        ),  # (tokens, directions, 1, hidden)
        helper.make_node("Transpose", [both], [beside], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", [beside, "shape"], [encoded]),
    ]


def _constant(name: str, values: NDArray[np.float32] | NDArray[np.int64]) -> onnx.TensorProto:
    return numpy_helper.from_array(values, name)
