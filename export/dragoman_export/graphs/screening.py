"""The best tokens of an output projection in ONNX: found in int8 and proven, or by float32.

A row whose best tokens are not proven, and every row of a step that asks for more than those, gets
its candidates from the float32 product, in the one Gemm that there is: its weights are packed once.
So what a row gets never depends on how another's was found.

Knows operators and their order. Does not know the model.
"""

# Operators take their tensors by position.
# ruff: noqa: PLR0917

from onnx import helper
from onnxscript import BOOL, FLOAT, INT64, onnx_types, script
from onnxscript import opset18 as op
from onnxscript.onnx_types import TensorType
from onnxscript.values import Opset

from dragoman_export.graphs.schemas import MICROSOFT
from dragoman_export.network import (
    GROUP_SIZE,
    SCREENED_CANDIDATES,
    SCREENED_COUNT,
    SCREENED_GROUPS,
    SMALLEST_ROW_SCALE,
)

microsoft = Opset(MICROSOFT, 1)

ZERO_POINT = helper.make_tensor("zero_point", 2, [1], [128])  # uint8
NO_ID = helper.make_tensor("no_id", 7, [1], [0])  # int64
GROUPED = [0, -1, GROUP_SIZE]
STEP = 1 / 127
GROUPS, ONE_GROUP_MORE = [SCREENED_GROUPS], [SCREENED_GROUPS + 1]
TOKENS, ONE_TOKEN_MORE = [SCREENED_CANDIDATES], [SCREENED_CANDIDATES + 1]


@script()  # type: ignore[untyped-decorator] # onnxscript is untyped
def _screened(
    x: FLOAT,
    weight: FLOAT,
    bias: FLOAT,
    steps: onnx_types.INT8,
    scale: FLOAT,
    mask: FLOAT,
    errors: FLOAT,
    lengths: FLOAT,
    group_errors: FLOAT,
    group_lengths: FLOAT,
    slack: FLOAT,
    end_id: INT64,
    count: INT64,
    is_order_alone: BOOL,
) -> tuple[INT64[...], FLOAT[...], INT64[...]]:
    """Ids and logits (rows, count), and the rows in which it is not proven that these are the best.

    Those are all unless `is_order_alone`.
    """
    if is_order_alone:
        group_count, one_group_more = (
            op.Constant(value_ints=GROUPS),
            op.Constant(value_ints=ONE_GROUP_MORE),
        )
        token_count, one_token_more = (
            op.Constant(value_ints=TOKENS),
            op.Constant(value_ints=ONE_TOKEN_MORE),
        )
        largest = op.ReduceMax(op.Abs(x), [1], keepdims=1)
        row_scale = op.Max(op.Mul(largest, op.Constant(value_float=STEP)), SMALLEST_ROW_SCALE)
        scales = op.Squeeze(row_scale, [1])
        zero_point = op.Constant(value=ZERO_POINT)
        zero_points = op.Expand(zero_point, op.Shape(x, start=0, end=1))
        quantised = op.QuantizeLinear(x, scales, zero_points, axis=0)
        # All logits and bounds are in steps of their row, up to the proof.
        logits = microsoft.MatMulIntegerToFloat(
            quantised, steps, op.Constant(value_floats=[1.0]), scale, zero_point, None, mask
        )
        rounded = op.DequantizeLinear(quantised, scales, zero_points, axis=0)
        error = op.Div(op.ReduceL2(op.Sub(x, rounded), [1], keepdims=1), row_scale)  # (rows, 1)
        norm = op.ReduceL2(x, [1], keepdims=1)
        length = op.Div(norm, row_scale)
        # The groups that may have the best token; one more shows what the others have at most.
        grouped = op.Reshape(logits, op.Constant(value_ints=GROUPED))  # (rows, groups, group)
        most = (
            op.ReduceMax(grouped, [2], keepdims=0) + length * group_errors + error * group_lengths
        )
        bounds, groups = op.TopK(most, one_group_more)
        chosen = op.Slice(groups, [0], group_count, [1])
        other_groups = op.Slice(bounds, group_count, one_group_more, [1])
        # Likewise tokens among them.
        members = op.GatherND(grouped, op.Unsqueeze(chosen, [2]), batch_dims=1)
        members = (
            members
            + op.Unsqueeze(length, [1]) * op.Gather(errors, chosen)
            + op.Unsqueeze(error, [1]) * op.Gather(lengths, chosen)
        )
        bounds, places = op.TopK(
            op.Reshape(members, op.Constant(value_ints=[0, -1])),
            one_token_more,
        )
        places = op.Slice(places, [0], token_count, [1])
        other_tokens = op.Slice(bounds, token_count, one_token_more, [1])
        group_size = op.Constant(value_int=GROUP_SIZE)
        ids = op.GatherElements(chosen, op.Div(places, group_size), axis=1) * group_size + op.Mod(
            places, group_size
        )
        # Their logits in float32: the best must lead the next and the bounds of all others.
        exact = op.Squeeze(op.MatMul(op.Gather(weight, ids), op.Unsqueeze(x, [2])), [2])
        exact, order = op.TopK(exact + op.Gather(bias, ids), count + 1)
        best, second = op.Slice(exact, [0], count, [1]), op.Slice(exact, [1], count + 1, [1])
        others = op.Max(second, op.Mul(op.Max(other_groups, other_tokens), row_scale))
        leads = op.Greater(best - others, norm * slack)  # (rows, count)
        ids = op.GatherElements(ids, op.Slice(order, [0], count, [1]), axis=1)
        # What comes after the best counts only where that is the end.
        is_end = op.Equal(op.Slice(ids, [0], [1], [1]), end_id)
        first_leads = op.Slice(leads, [0], [1], [1])
        last_leads = op.Slice(leads, count - 1, count, [1])
        is_proven = op.And(first_leads, op.Or(op.Not(is_end), last_leads))
        unproven = op.Squeeze(op.NonZero(op.Squeeze(op.Not(is_proven), [1])), [0])
    else:
        rows = op.Shape(x, start=0, end=1)
        shape = op.Concat(rows, count, axis=0)
        ids = op.ConstantOfShape(shape, value=NO_ID)
        best = op.ConstantOfShape(shape)
        unproven = op.Range(0, op.Squeeze(rows, [0]), 1)
    return ids, best, unproven


@script()  # type: ignore[untyped-decorator]
def _completed(
    x: FLOAT,
    weight: FLOAT,
    bias: FLOAT,
    found: INT64,
    found_logits: FLOAT,
    unproven: INT64,
    count: INT64,
    with_normalizers: BOOL,
    wanted_ids: INT64,
) -> tuple[INT64, FLOAT, FLOAT, FLOAT]:
    """What a step returns: of the rows `unproven` by the float32 product, of others as found."""
    rows, wanted_count = op.Shape(x, start=0, end=1), op.Shape(wanted_ids)
    if op.Greater(op.Size(unproven), 0):
        logits = op.Gemm(op.Gather(x, unproven), weight, bias, transB=1)
        grouped = op.Reshape(logits, op.Constant(value_ints=GROUPED))
        maxima = op.ReduceMax(grouped, [2], keepdims=0)
        _, chosen = op.TopK(maxima, op.Min(count, op.Shape(maxima, start=1, end=2)))
        members = op.GatherND(grouped, op.Unsqueeze(chosen, [2]), batch_dims=1)
        best, places = op.TopK(op.Reshape(members, op.Constant(value_ints=[0, -1])), count)
        group_size = op.Constant(value_int=GROUP_SIZE)
        best_ids = op.GatherElements(
            chosen, op.Div(places, group_size), axis=1
        ) * group_size + op.Mod(places, group_size)
        index = op.Unsqueeze(unproven, [1])
        ids = op.ScatterND(found, index, best_ids)
        values = op.ScatterND(found_logits, index, best)
        wanted_shape = op.Concat(rows, wanted_count, axis=0)
        wanted = op.ScatterND(
            op.ConstantOfShape(wanted_shape), index, op.Gather(logits, wanted_ids, axis=1)
        )
        if with_normalizers:
            first_id = op.Slice(best_ids, [0], [1], [1])
            log_prob = op.GatherElements(op.LogSoftmax(logits, axis=1), first_id, axis=1)
            normalizers = op.Squeeze(op.Slice(best, [0], [1], [1]) - log_prob, [1])
        else:
            normalizers = op.ConstantOfShape(rows)
    else:
        ids = op.Identity(found)
        values = op.Identity(found_logits)
        normalizers = op.ConstantOfShape(rows)
        wanted = op.ConstantOfShape(op.Concat(rows, wanted_count, axis=0))
    return ids, values, normalizers, wanted


def screened_candidates(
    x: TensorType,
    weight: TensorType,
    bias: TensorType,
    steps: TensorType,
    scale: TensorType,
    mask: TensorType,
    errors: TensorType,
    lengths: TensorType,
    group_errors: TensorType,
    group_lengths: TensorType,
    slack: TensorType,
    end_id: TensorType,
    count: TensorType,
    with_normalizers: TensorType,
    wanted_ids: TensorType,
) -> tuple[TensorType, TensorType, TensorType, TensorType]:
    """See network.screened.screened_candidates."""
    nothing_wanted = op.Equal(op.Shape(wanted_ids), [0])
    are_few = op.LessOrEqual(count, [SCREENED_COUNT])
    is_order_alone = op.And(
        op.Squeeze(op.And(are_few, nothing_wanted), [0]), op.Not(with_normalizers)
    )
    ids, best, unproven = _screened(
        x, weight, bias, steps, scale, mask,
        errors, lengths, group_errors, group_lengths, slack, end_id, count, is_order_alone,
    )  # fmt: skip
    return _completed(  # type: ignore[no-any-return]
        x, weight, bias, ids, best, unproven, count, with_normalizers, wanted_ids
    )
