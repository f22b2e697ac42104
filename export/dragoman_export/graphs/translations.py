"""What each operator of `dragoman_export.network.operators` becomes in ONNX, for the CPU provider.

GroupQueryAttention with causal=0 and scale=1.0 reads only the live part of each row's cache and is
the fastest attention of onnxruntime's CPU provider for one query token a row; in place when past
and present are bound to one buffer. Keys and values of length 0 make the past buffer the whole of
what is attended to, which is cross-attention. Its schemas are in `dragoman_export.graphs.schemas`.

Knows operators and their order. Does not know the model.
"""

# Operators take their tensors by position.
# ruff: noqa: PLR0917

import functools
from collections.abc import Callable
from typing import Optional, Union

import torch
from onnx import helper
from onnxscript import BOOL, FLOAT, INT32, INT64, OnnxFunction, onnx_types, script
from onnxscript import opset18 as op
from onnxscript.onnx_types import TensorType
from onnxscript.values import Opset

from dragoman_export.graphs.schemas import MICROSOFT
from dragoman_export.graphs.screening import screened_candidates
from dragoman_export.network import GROUP_SIZE, SHARED_ROWS, SMALLEST_ROW_SCALE

UINT8, INT8 = 2, 3
"""Element types of onnx.TensorProto."""

ZERO_POINT = 128
"""What zero is as an activation quantised with a scale of its row."""

# onnxscript understands no newer way to write these.
Cached = Union[FLOAT, onnx_types.INT8]  # noqa: UP007
Scale = Optional[FLOAT]  # noqa: UP045

microsoft = Opset(MICROSOFT, 1)


def _extent(x: TensorType, dimension: int) -> TensorType:
    return op.Cast(op.Shape(x, start=dimension, end=dimension + 1), to=INT32.dtype)


def _attend_prompt(
    query_key_value: TensorType,
    last: TensorType,
    length: TensorType,
    heads: int,
    bias: TensorType | None = None,
) -> TensorType:
    beside = () if bias is None else (None, None, None, bias)
    attended, _, _ = microsoft.GroupQueryAttention(
        query_key_value, None, None, None, None, last, length, *beside,
        num_heads=heads, kv_num_heads=heads, causal=0, scale=1.0,
    )  # fmt: skip
    return attended


def _attend_past(
    query_key_value: TensorType,
    past_key: TensorType,
    past_value: TensorType,
    positions: TensorType,
    capacity: TensorType,
    heads: int,
    bias: TensorType | None = None,
) -> tuple[TensorType, TensorType, TensorType]:
    query_key_value = op.Unsqueeze(query_key_value, [1])
    attended, key, value = _attend(
        query_key_value, None, None, past_key, past_value, positions, capacity, heads, bias
    )
    return op.Squeeze(attended, [1]), key, value


def _attend_source(
    query: TensorType,
    key: TensorType,
    value: TensorType,
    last: TensorType,
    capacity: TensorType,
    heads: int,
) -> tuple[TensorType, TensorType, TensorType]:
    query = op.Unsqueeze(query, [1])
    nothing = op.Slice(query, [0], [0], [1])  # (rows, 0, dim)
    attended, key, value = _attend(query, nothing, nothing, key, value, last, capacity, heads)
    return op.Squeeze(attended, [1]), key, value


def _attend_shared_source(
    query: TensorType,
    key: TensorType,
    value: TensorType,
    last: TensorType,
    capacity: TensorType,
    is_shared: TensorType,
    query_index: TensorType,
    attended_index: TensorType,
    heads: int,
) -> tuple[TensorType, TensorType, TensorType]:
    is_int8 = key.dtype == INT8
    return _shared_source(heads, key.shape[3], is_int8=is_int8)(  # type: ignore[no-any-return]
        query, key, value, last, capacity, is_shared, query_index, attended_index,
        op.Constant(value_floats=[1.0]) if is_int8 else None,
    )  # fmt: skip


@functools.cache
def _shared_source(heads: int, head_dim: int, *, is_int8: bool) -> OnnxFunction:
    """The rows that share a source are query heads of one group of it."""
    queries = heads * SHARED_ROWS
    one_head, one_row = [-1, head_dim], [-1, heads * head_dim]
    one_group, no_row = [-1, 1, queries * head_dim], [0, heads * head_dim]
    quantised, bits = ("PER_TENSOR", 8) if is_int8 else ("NONE", 0)

    @script()  # type: ignore[untyped-decorator]
    def attend_shared_source(
        query: FLOAT,
        key: Cached,
        value: Cached,
        last: INT32,
        capacity: INT32,
        is_shared: BOOL,
        query_index: INT64,
        attended_index: INT64,
        step: Scale,
    ) -> tuple[FLOAT, Cached, Cached]:
        if is_shared:
            all_heads = op.Reshape(query, op.Constant(value_ints=one_head))
            asked = op.Gather(all_heads, query_index)  # (sources, queries, head_dim)
            asked = op.Reshape(asked, op.Constant(value_ints=one_group))
            nothing = op.Slice(asked, [0, 0], op.Constant(value_ints=no_row), [1, 2])
            answers, new_key, new_value = microsoft.GroupQueryAttention(
                asked, nothing, nothing, key, value, last, capacity,
                None, None, None, None, None, step, step,
                num_heads=queries, kv_num_heads=heads, causal=0, scale=1.0,
                k_quant_type=quantised, v_quant_type=quantised, kv_cache_bit_width=bits,
            )  # fmt: skip
            answers = op.Reshape(answers, op.Constant(value_ints=one_head))
            answers = op.Gather(answers, attended_index)  # (rows, heads, head_dim)
            attended = op.Reshape(answers, op.Constant(value_ints=one_row))
        else:
            asked = op.Unsqueeze(query, [1])
            nothing = op.Slice(asked, [0], [0], [1])
            answers, new_key, new_value = microsoft.GroupQueryAttention(
                asked, nothing, nothing, key, value, last, capacity,
                None, None, None, None, None, step, step,
                num_heads=heads, kv_num_heads=heads, causal=0, scale=1.0,
                k_quant_type=quantised, v_quant_type=quantised, kv_cache_bit_width=bits,
            )  # fmt: skip
            attended = op.Squeeze(answers, [1])
        return attended, new_key, new_value

    return attend_shared_source


def _attend(
    query: TensorType,
    new_key: TensorType | None,
    new_value: TensorType | None,
    key: TensorType,
    value: TensorType,
    last: TensorType,
    capacity: TensorType,
    heads: int,
    bias: TensorType | None = None,
) -> tuple[TensorType, TensorType, TensorType]:
    """Attention to caches, which are float32 or int8 steps of size 1."""
    if key.dtype != INT8:
        beside = () if bias is None else (None, None, None, bias)
        return microsoft.GroupQueryAttention(  # type: ignore[no-any-return]
            query, new_key, new_value, key, value, last, capacity, *beside,
            num_heads=heads, kv_num_heads=heads, causal=0, scale=1.0,
        )  # fmt: skip
    step = op.Constant(value_floats=[1.0])
    return microsoft.GroupQueryAttention(  # type: ignore[no-any-return]
        query, new_key, new_value, key, value, last, capacity,
        None, None, None, bias, None, step, step,
        num_heads=heads, kv_num_heads=heads, causal=0, scale=1.0,
        k_quant_type="PER_TENSOR", v_quant_type="PER_TENSOR", kv_cache_bit_width=8,
    )  # fmt: skip


def _add_and_norm(
    x: TensorType, y: TensorType, weight: TensorType, bias: TensorType, epsilon: float
) -> TensorType:
    normed, _, _ = op.LayerNormalization(op.Add(x, y), weight, bias, axis=-1, epsilon=epsilon)
    return normed


def _norm(x: TensorType, weight: TensorType, bias: TensorType, epsilon: float) -> TensorType:
    normed, _, _ = op.LayerNormalization(x, weight, bias, axis=-1, epsilon=epsilon)
    return normed


def _rms_norm(x: TensorType, weight: TensorType, epsilon: float) -> TensorType:
    """Onnxruntime fuses it: ONNX has a name for it in opset 23.

    In float32 whatever x is of: squares may be more than float16 has numbers for.
    """
    wide = x if x.dtype == FLOAT.dtype else op.Cast(x, to=FLOAT.dtype)
    mean = op.ReduceMean(op.Pow(wide, 2.0), [-1], keepdims=1)
    normed = op.Div(wide, op.Sqrt(op.Add(mean, epsilon)))
    return op.Mul(normed if wide is x else op.Cast(normed, to=x.dtype), weight)


def _prompt_bias(table: TensorType, padded_index: TensorType) -> TensorType:
    most = table.shape[0] // 2
    places = op.Range(0, op.Squeeze(op.Shape(padded_index, start=1, end=2), [0]), 1)
    distance = op.Sub(op.Unsqueeze(places, [0]), op.Unsqueeze(places, [1]))
    index = op.Add(op.Clip(distance, -most, most), most)
    return op.Unsqueeze(op.Transpose(op.Gather(table, index), perm=[2, 0, 1]), [0])


def _past_bias(table: TensorType, positions: TensorType, cache: TensorType) -> TensorType:
    places = op.Range(0, op.Squeeze(op.Shape(cache, start=2, end=3), [0]), 1)
    positions = op.Unsqueeze(op.Cast(positions, to=INT64.dtype), [1])
    index = op.Clip(op.Sub(positions, op.Unsqueeze(places, [0])), 0, table.shape[0] - 1)
    return op.Unsqueeze(op.Transpose(op.Gather(table, index), perm=[0, 2, 1]), [2])


@script()  # type: ignore[untyped-decorator] # onnxscript is untyped
def _recur_all(x: FLOAT, positions: INT64) -> FLOAT:
    candidates, kept = op.Split(x, num_outputs=2, axis=1)
    kept = op.Sigmoid(kept)
    goes_on = op.Unsqueeze(op.CastLike(op.Greater(positions, 0), x), [1])  # (tokens, 1)
    state = op.Mul(op.Slice(candidates, [0], [1], [0]), 0.0)  # (1, dim)
    states = op.Slice(candidates, [0], [0], [0])  # (0, dim)
    count = op.Squeeze(op.Shape(x, start=0, end=1), [0])
    for place in range(count):
        at = op.Reshape(place, [1])
        candidate = op.Gather(candidates, at, axis=0)
        share = op.Gather(kept, at, axis=0)
        old = state * op.Gather(goes_on, at, axis=0)
        state = candidate + share * (old - candidate)
        states = op.Concat(states, state, axis=0)
    return op.Relu(states)


def _to_steps(x: TensorType) -> TensorType:
    zero = op.Constant(value=helper.make_tensor("zero_point", INT8, [], [0]))
    return op.QuantizeLinear(x, op.Constant(value_float=1.0), zero)


def _best_candidates(logits: TensorType, count: TensorType) -> tuple[TensorType, TensorType]:
    """Exact: the k best logits lie in the k groups whose maxima are largest."""
    is_fixed = isinstance(logits.shape[1], int)  # of a vocabulary, not of lists
    groups = logits.shape[1] // GROUP_SIZE if is_fixed else -1
    first = -1 if is_fixed else 0
    grouped = op.Reshape(logits, [first, groups, GROUP_SIZE])  # (rows, groups, group)
    maxima = op.ReduceMax(grouped, [2], keepdims=0)
    most = [groups] if is_fixed else op.Shape(maxima, start=1, end=2)
    _, chosen = op.TopK(maxima, op.Min(count, most))  # (rows, chosen)
    members = op.GatherND(grouped, op.Unsqueeze(chosen, [2]), batch_dims=1)
    # Places among the members of the chosen groups, (rows, count).
    values, places = op.TopK(op.Reshape(members, [0, -1]), count)
    group = op.GatherElements(chosen, op.Div(places, [GROUP_SIZE]), axis=1)
    return values, op.Add(op.Mul(group, [GROUP_SIZE]), op.Mod(places, [GROUP_SIZE]))


@script()  # type: ignore[untyped-decorator] # onnxscript is untyped
def _log_normalizers(logits: FLOAT, best: FLOAT, best_ids: INT64, wanted: BOOL) -> FLOAT:
    if wanted:
        first = op.Slice(best, [0], [1], [1])
        first_id = op.Slice(best_ids, [0], [1], [1])
        log_prob = op.GatherElements(op.LogSoftmax(logits, axis=1), first_id, axis=1)
        normalizers = op.Squeeze(first - log_prob, [1])
    else:
        normalizers = op.ConstantOfShape(op.Shape(logits, start=0, end=1))
    return normalizers


@script()  # type: ignore[untyped-decorator]
def _scaled_log_normalizers(
    logits: FLOAT, scale: FLOAT, best: FLOAT, best_ids: INT64, wanted: BOOL
) -> FLOAT:
    if wanted:
        first = op.Slice(best, [0], [1], [1])
        first_id = op.Slice(best_ids, [0], [1], [1])
        log_probs = op.LogSoftmax(op.Mul(logits, scale), axis=1)
        log_prob = op.GatherElements(log_probs, first_id, axis=1)
        normalizers = op.Squeeze(first - log_prob, [1])
    else:
        normalizers = op.ConstantOfShape(op.Shape(logits, start=0, end=1))
    return normalizers


def _int8_product(
    x: TensorType, weight: TensorType, weight_scale: TensorType, bias: TensorType | None
) -> tuple[TensorType, TensorType]:
    largest = op.ReduceMax(op.Abs(x), [1], keepdims=1)
    row_scale = op.Max(op.Mul(largest, 1 / 127), SMALLEST_ROW_SCALE)  # (rows, 1)
    zero_point = op.Constant(value=helper.make_tensor("zero_point", UINT8, [1], [ZERO_POINT]))
    zero_points = op.Expand(zero_point, op.Shape(x, start=0, end=1))
    quantised = op.QuantizeLinear(x, op.Squeeze(row_scale, [1]), zero_points, axis=0)
    factors = (quantised, weight, op.Constant(value_floats=[1.0]), weight_scale, zero_point)
    added = () if bias is None else (None, bias)
    return microsoft.MatMulIntegerToFloat(*factors, *added), row_scale


def _int8_linear_calibrated(
    x: TensorType,
    activation_scale: TensorType,
    weight: TensorType,
    weight_scale: TensorType,
    bias: TensorType,
    zero_point: int,
) -> TensorType:
    zero = op.Constant(value=helper.make_tensor("zero_point", UINT8, [], [zero_point]))
    quantised = op.QuantizeLinear(x, activation_scale, zero)
    return microsoft.MatMulIntegerToFloat(
        quantised, weight, activation_scale, weight_scale, zero, None, bias
    )


Translations = dict[Callable[..., object], Callable[..., object]]
"""ONNX by operator, for torch.onnx.export's custom_translation_table."""


def translations() -> Translations:
    """Of every operator that a CPU graph may hold."""
    ours = torch.ops.dragoman
    return {
        ours.extent.default: _extent,
        ours.to_steps.default: _to_steps,
        ours.recur_all.default: _recur_all,
        ours.add_and_norm.default: _add_and_norm,
        ours.norm.default: _norm,
        ours.rms_norm.default: _rms_norm,
        ours.prompt_bias.default: _prompt_bias,
        ours.past_bias.default: _past_bias,
        ours.attend_prompt.default: _attend_prompt,
        ours.attend_past.default: _attend_past,
        ours.attend_source.default: _attend_source,
        ours.attend_shared_source.default: _attend_shared_source,
        ours.best_candidates.default: _best_candidates,
        ours.log_normalizers.default: _log_normalizers,
        ours.scaled_log_normalizers.default: _scaled_log_normalizers,
        ours.screened_candidates.default: screened_candidates,
        ours.int8_product.default: _int8_product,
        ours.int8_linear_calibrated.default: _int8_linear_calibrated,
    }
