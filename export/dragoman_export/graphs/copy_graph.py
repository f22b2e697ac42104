"""The graph that copies parts of a device's caches from place to place, in place.

Written for the server's device cache, which the host cannot address. A cache is a table of places,
each a position of one head of one row of one layer; the graph moves places as 64-bit words, so that
one graph serves every element type.
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from dragoman_export.graphs.contract import GraphContract, GraphTensor
from dragoman_export.graphs.optimise import PRODUCER
from dragoman_export.graphs.trace import OPSET

COPY = "copy.onnx"

IR_VERSION = 10

CONTRACT = GraphContract(
    inputs=(
        GraphTensor("source", "int64", ("source_places", "words")),
        GraphTensor("target", "int64", ("target_places", "words")),
        # Where the copied part begins, and the places in it: in the source, then in the target.
        GraphTensor("groups", "int64", (2, "groups", 1)),
        GraphTensor("offsets", "int64", (2, 1, "copies")),
    ),
    outputs=(GraphTensor("target_out", "int64", ("target_places", "words")),),
)
"""target[groups[1, g] + offsets[1, 0, c]] = source[groups[0, g] + offsets[0, 0, c]] for every g and
c. `target_out` is `target`, and is bound to its memory; `source` may be the same memory, as all is
read before anything is written."""


def write_copy_graph(directory: Path) -> None:
    """Writes copy.onnx."""
    nodes = [
        helper.make_node("Add", ["groups", "offsets"], ["places"]),  # (2, groups, copies)
        helper.make_node("Gather", ["places", "first"], ["from"], axis=0),
        helper.make_node("Gather", ["places", "second"], ["to"], axis=0),
        helper.make_node("Reshape", ["from", "row"], ["from_row"]),
        helper.make_node("Reshape", ["to", "column"], ["to_column"]),
        helper.make_node("Gather", ["source", "from_row"], ["words"], axis=0),
        helper.make_node("ScatterND", ["target", "to_column", "words"], ["target_out"]),
    ]
    constants = [
        helper.make_tensor("first", TensorProto.INT64, [], [0]),
        helper.make_tensor("second", TensorProto.INT64, [], [1]),
        helper.make_tensor("row", TensorProto.INT64, [1], [-1]),
        helper.make_tensor("column", TensorProto.INT64, [2], [-1, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        PRODUCER,
        [_value(tensor) for tensor in CONTRACT.inputs],
        [_value(tensor) for tensor in CONTRACT.outputs],
        constants,
    )
    model = helper.make_model(
        graph,
        producer_name=PRODUCER,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    onnx.checker.check_model(model, full_check=True)
    (directory / COPY).write_bytes(model.SerializeToString(deterministic=True))


def _value(tensor: GraphTensor) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(tensor.name, TensorProto.INT64, tensor.shape)
