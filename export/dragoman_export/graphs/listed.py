"""A product with the weights of a union of tokens in ONNX.

Knows operators and their order. Does not know the model.
"""

from onnx import helper
from onnxscript import opset18 as op
from onnxscript.onnx_types import TensorType

from dragoman_export.network import SMALLEST_ROW_SCALE, STEP_ZERO

ZERO = helper.make_tensor("zero_point", 2, [], [STEP_ZERO])  # uint8
EACH_ZERO = helper.make_tensor("zero_point", 2, [1], [STEP_ZERO])


def row_steps(x: TensorType) -> tuple[TensorType, TensorType]:
    """See network.listed.row_steps."""
    largest = op.ReduceMax(op.Abs(x), [1], keepdims=1)
    row_scale = op.Max(op.Mul(largest, 1 / 127), SMALLEST_ROW_SCALE)  # (rows, 1)
    zero = op.Constant(value=EACH_ZERO)
    zeros = op.Expand(zero, op.Shape(x, start=0, end=1))
    return op.QuantizeLinear(x, op.Squeeze(row_scale, [1]), zeros, axis=0), row_scale


def calibrated_steps(x: TensorType, activation_scale: TensorType) -> TensorType:
    """See network.listed.calibrated_steps."""
    zero = op.Constant(value=ZERO)
    return op.QuantizeLinear(x, activation_scale, zero)


def union_product(steps: TensorType, weight: TensorType) -> TensorType:
    """See network.listed.union_product; what newcomers bring are rows of the weights."""
    zero = op.Constant(value=ZERO)
    sums = op.MatMulInteger(weight, op.Transpose(steps, perm=[1, 0]), zero, zero)
    return op.Transpose(sums, perm=[1, 0])
