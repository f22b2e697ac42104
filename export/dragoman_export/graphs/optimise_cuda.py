"""Makes a traced graph what is written for the CUDA provider: few kernels, no control flow."""

import onnx_ir

from dragoman_export.graphs.contract import GraphContract
from dragoman_export.graphs.optimise import drop_unused_outputs, tidy

NEED_THEIR_OUTPUTS = frozenset({"GroupQueryAttention"})
"""The CUDA kernel writes the caches of a prompt whether or not anybody reads them."""

BIAS_INPUT = 4
"""Of SkipLayerNormalization."""


def optimise(model: onnx_ir.Model, contract: GraphContract) -> None:
    """Cleans `model` in place; the contract's shapes become those of its outputs."""
    _fold_biases(model)
    drop_unused_outputs(model, NEED_THEIR_OUTPUTS)
    tidy(model, contract)


def _fold_biases(model: onnx_ir.Model) -> None:
    """Moves a linear layer's bias into the normalisation after it: one kernel less.

    Gemm spreads its bias over the output with a product of its own before the product proper.
    """
    for norm in model.graph:
        if norm.op_type != "SkipLayerNormalization":
            continue
        product = norm.inputs[0].producer()
        if product is None or product.op_type != "Gemm" or len(norm.inputs[0].uses()) != 1:
            continue
        x, weight, bias = product.inputs
        plain = onnx_ir.node("MatMul", [x, weight])
        model.graph.insert_before(product, plain)
        plain.outputs[0].type = norm.inputs[0].type
        plain.outputs[0].shape = norm.inputs[0].shape
        norm.replace_input_with(0, plain.outputs[0])
        norm.resize_inputs(BIAS_INPUT + 1)
        norm.replace_input_with(BIAS_INPUT, bias)
