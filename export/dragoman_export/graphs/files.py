"""Writes the graphs and the one weights file that all of them read.

No tensor is stored twice: equal bytes of equal type have one place in the file, whichever
graph they come from.
"""

import copy
import hashlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnx
import onnx_ir

from dragoman_export.graphs.trace import Graphs

ENCODER, DECODER, ATTENTION = "encoder.onnx", "decoder.onnx", "attention.onnx"
LISTED = "listed.onnx"
WEIGHTS = "weights.bin"

ALIGNMENT = 4096
"""Bytes; page boundaries let the runtime map the file."""

SMALLEST_EXTERNAL = 256
"""Bytes; shorter tensors stay in the graph, where shape rules can see them."""


def write_graphs(graphs: Graphs, directory: Path) -> None:
    """Writes the graphs that there are and weights.bin; the graphs have no weights after that."""
    with (directory / WEIGHTS).open("wb") as file:
        store = _WeightStore(file)
        for name, model in zip((ENCODER, DECODER, ATTENTION, LISTED), graphs, strict=True):
            if model is None:
                continue
            for value in model.graph.initializers.values():
                tensor = value.const_value
                assert tensor is not None
                if tensor.nbytes >= SMALLEST_EXTERNAL:
                    value.const_value = store.take(tensor)
            proto = onnx_ir.to_proto(model)
            order_branches(proto.graph)
            (directory / name).write_bytes(proto.SerializeToString(deterministic=True))


def order_branches(graph: onnx.GraphProto) -> None:
    """Puts what each `If` gives into the order of its names in the first branch.

    onnxscript gives it in the order of a set, which differs from one process to the next.
    """
    for node in graph.node:
        if node.op_type != "If":
            continue
        branches = [attribute.g for attribute in node.attribute]
        names = [value.name for value in branches[0].output]
        order = sorted(range(len(names)), key=names.__getitem__)
        node.output[:] = [node.output[place] for place in order]
        for branch in branches:
            outputs = copy.deepcopy([branch.output[place] for place in order])
            del branch.output[:]
            branch.output.extend(outputs)


class _WeightStore:
    """The weights file as it grows."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._offsets: dict[tuple[onnx_ir.DataType, bytes], int] = {}

    def take(self, tensor: onnx_ir.TensorProtocol) -> onnx_ir.ExternalTensor:
        """Writes a tensor's bytes into the file; returns a reference to them."""
        raw = np.ascontiguousarray(tensor.numpy()).reshape(-1).view(np.uint8)
        key = (tensor.dtype, hashlib.sha256(raw.data).digest())
        if key not in self._offsets:
            self._file.write(bytes(-self._file.tell() % ALIGNMENT))
            self._offsets[key] = self._file.tell()
            self._file.write(raw.data)
        return onnx_ir.ExternalTensor(
            WEIGHTS, self._offsets[key], len(raw), tensor.dtype,
            shape=onnx_ir.Shape(tensor.shape.numpy()), name=tensor.name or "",
        )  # fmt: skip
