"""Makes a traced graph what is written: nothing unused, nothing twice, nothing of this machine."""

import onnx_ir
from onnx_ir.passes import common

from dragoman_export.graphs.contract import GraphContract

PRODUCER = "dragoman"


def optimise(model: onnx_ir.Model, contract: GraphContract) -> None:
    """Cleans `model` in place; the contract's shapes become those of its outputs."""
    _share_zero_points(model)
    drop_unused_outputs(model, wanted=frozenset())
    tidy(model, contract)


def tidy(model: onnx_ir.Model, contract: GraphContract) -> None:
    """Leaves nothing unused, nothing twice and nothing of this machine."""
    _name_shapes(model, contract)
    passes = onnx_ir.passes.Sequential(
        common.CommonSubexpressionEliminationPass(),
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedFunctionsPass(),
        common.RemoveUnusedOpsetsPass(),
        common.ClearMetadataAndDocStringPass(),
    )
    passes(model)
    _forget_origin(model)


def _name_shapes(model: onnx_ir.Model, contract: GraphContract) -> None:
    """Output shapes in the contract's names; tracing has its own for sizes found at run time."""
    for value, tensor in zip(model.graph.outputs, contract.outputs, strict=True):
        value.shape = onnx_ir.Shape(tensor.shape)


def _share_zero_points(model: onnx_ir.Model) -> None:
    """One vector of zero points serves every linear layer: all have the rows of the token ids.

    Where scales are calibrated a zero point is one number and there is nothing to share.
    """
    for quantiser in model.graph:
        if quantiser.op_type != "QuantizeLinear":
            continue
        expand = quantiser.inputs[2].producer()
        if expand is None:
            continue
        assert expand.op_type == "Expand"
        shape = expand.inputs[1].producer()
        assert shape.op_type == "Shape"
        shape.replace_input_with(0, model.graph.inputs[0])


def drop_unused_outputs(model: onnx_ir.Model, wanted: frozenset[str]) -> None:
    """An output without a name is not computed; operators of the types `wanted` keep theirs."""
    returned = set(model.graph.outputs)
    for node in model.graph:
        if node.op_type in wanted:
            continue
        for value in node.outputs[1:]:
            if not value.uses() and value not in returned:
                value.name = ""


def _forget_origin(model: onnx_ir.Model) -> None:
    """The passes clear what nodes remember; values remember too."""
    computed = [value for node in model.graph for value in node.outputs]
    for value in [*model.graph.inputs, *model.graph.initializers.values(), *computed]:
        value.metadata_props.clear()
    model.producer_name, model.producer_version = PRODUCER, None
    model.graph.name = PRODUCER
