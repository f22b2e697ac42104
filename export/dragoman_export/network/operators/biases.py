"""What attention adds for the distance between two places, and how many places there are."""

# Shape rules have their kernel's signature.
# ruff: noqa: ARG001

import torch
from torch import Tensor

from dragoman_export.network import kernels


@torch.library.custom_op("dragoman::extent", mutates_args=())
def extent(x: Tensor, dimension: int) -> Tensor:
    """Size of one dimension, (1,) int32."""
    return torch.tensor([x.shape[dimension]], dtype=torch.int32)


@extent.register_fake
def _(x: Tensor, dimension: int) -> Tensor:
    return x.new_empty((1,), dtype=torch.int32)


@torch.library.custom_op("dragoman::prompt_bias", mutates_args=())
def prompt_bias(table: Tensor, padded_index: Tensor) -> Tensor:
    """What attention of every token to every token adds for their distance.

    Args:
        table: (2 * most - 1, heads), by the place attended to minus the place that attends, from
            1 - most to most - 1; what is further is as far.
        padded_index: (batch, source), of which the length of the longest sentence is taken.

    Returns:
        (1, heads, source, source): the token that attends, the token attended to.
    """
    return kernels.prompt_bias(table, padded_index).contiguous()


@prompt_bias.register_fake
def _(table: Tensor, padded_index: Tensor) -> Tensor:
    source = padded_index.shape[1]
    return table.new_empty((1, table.shape[1], source, source))


@torch.library.custom_op("dragoman::past_bias", mutates_args=())
def past_bias(table: Tensor, positions: Tensor, cache: Tensor) -> Tensor:
    """What attention of one token a row to those before it adds for their distance.

    Args:
        table: (most, heads), by the place that attends minus the place attended to; what is further
            is as far.
        positions: (rows,) int32, the place that attends.
        cache: (rows, heads, capacity, head_dim), of which the capacity is taken.

    Returns:
        (rows, heads, 1, capacity); past a row's position the values mean nothing.
    """
    return kernels.past_bias(table, positions, cache).contiguous()


@past_bias.register_fake
def _(table: Tensor, positions: Tensor, cache: Tensor) -> Tensor:
    return table.new_empty((positions.shape[0], table.shape[1], 1, cache.shape[2]))
