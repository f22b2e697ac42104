"""What operators become in ONNX for the CUDA provider, where it is not what the CPU provider gets.

The decoder's graph is recorded as a CUDA graph: no control flow, no operator without a CUDA kernel,
nothing that the host has to know at run time. All operators have float32 kernels on the CPU
provider too, which is how the graphs are verified without a GPU.

Knows operators and their order. Does not know the model.
"""

# Operators take their tensors by position.
# ruff: noqa: PLR0917

import torch
from onnxscript import opset18 as op
from onnxscript.onnx_types import TensorType

from dragoman_export.graphs import translations as cpu
from dragoman_export.graphs.translations import Translations, microsoft
from dragoman_export.network import (
    GROUP_SIZE,
    device_step,  # noqa: F401 - registers dragoman::best_tokens
)


def _attend_past(
    query_key_value: TensorType,
    past_key: TensorType,
    past_value: TensorType,
    positions: TensorType,
    capacity: TensorType,
    heads: int,
    bias: TensorType | None = None,
) -> tuple[TensorType, TensorType, TensorType]:
    """Causal, which for one query a row is the same: the fastest kernel (XQA) is causal alone."""
    beside = () if bias is None else (None, None, None, bias)
    attended, key, value = microsoft.GroupQueryAttention(
        op.Unsqueeze(query_key_value, [1]), None, None, past_key, past_value, positions, capacity,
        *beside,
        num_heads=heads, kv_num_heads=heads, scale=1.0,
    )  # fmt: skip
    return op.Squeeze(attended, [1]), key, value


def _add_and_norm(
    x: TensorType, y: TensorType, weight: TensorType, bias: TensorType, epsilon: float
) -> TensorType:
    return microsoft.SkipLayerNormalization(y, x, weight, bias, None, epsilon=epsilon)


def _best_tokens(logits: TensorType, count: int) -> tuple[TensorType, TensorType]:
    """Exact: the best of all are among the best of each group.

    One TopK over a whole vocabulary would have one block of threads a row; over groups it has one a
    group, and few enough elements are left for the second. LogSoftmax comes first, as ReduceMax and
    ReduceLogSumExp need cuDNN.
    """
    groups = logits.shape[1] // GROUP_SIZE
    grouped = op.Reshape(op.LogSoftmax(logits, axis=1), [-1, groups, GROUP_SIZE])
    values, places = op.TopK(grouped, [count])  # (rows, groups, count)
    starts = op.Constant(value_ints=[group * GROUP_SIZE for group in range(groups)])
    ids = op.Add(places, op.Unsqueeze(starts, [1]))
    best, chosen = op.TopK(op.Reshape(values, [-1, groups * count]), [count])
    return best, op.GatherElements(op.Reshape(ids, [-1, groups * count]), chosen, axis=1)


def translations() -> Translations:
    """Of every operator that a CUDA graph may hold."""
    ours = torch.ops.dragoman
    return cpu.translations() | {
        ours.attend_past.default: _attend_past,
        ours.add_and_norm.default: _add_and_norm,
        ours.best_tokens.default: _best_tokens,
    }
