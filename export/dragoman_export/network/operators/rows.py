"""Normalisation of rows, and the recurrent unit that goes from one to the next."""

# Shape rules have their kernel's signature.
# ruff: noqa: ARG001

import torch
from torch import Tensor

from dragoman_export.network import kernels


@torch.library.custom_op("dragoman::add_and_norm", mutates_args=())
def add_and_norm(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    """Layer normalisation of x + y, both (rows, dim), scaled by `weight`, shifted by `bias`."""
    return kernels.add_and_norm(x, y, weight, bias, epsilon)


@add_and_norm.register_fake
def _(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    return torch.empty_like(x)


@torch.library.custom_op("dragoman::norm", mutates_args=())
def norm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    """Layer normalisation of x (rows, dim), scaled by `weight`, shifted by `bias`."""
    return kernels.norm(x, weight, bias, epsilon)


@norm.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    return torch.empty_like(x)


@torch.library.custom_op("dragoman::rms_norm", mutates_args=())
def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Rows divided by their root mean square and scaled by `weight`; x is (rows, dim).

    Source: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization".
    """
    return kernels.rms_norm(x, weight, epsilon)


@rms_norm.register_fake
def _(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    return torch.empty_like(x)


@torch.library.custom_op("dragoman::recur_all", mutates_args=())
def recur_all(x: Tensor, positions: Tensor) -> Tensor:
    """All tokens of targets that lie one after the other through a recurrent unit.

    Args:
        x: (tokens, 2 * dim); see `recurrence.recur`.
        positions: (tokens,) int64; at 0 a target begins, from nothing.

    Returns:
        What the unit says of each token, (tokens, dim).
    """
    candidates, kept = x.float().chunk(2, dim=1)
    kept = kept.sigmoid()
    state, states = torch.zeros_like(candidates[0]), []
    for candidate, share, position in zip(candidates, kept, positions.tolist(), strict=True):
        old = state if position else torch.zeros_like(state)
        state = candidate + share * (old - candidate)
        states.append(state)
    return torch.stack(states).relu().to(x.dtype)


@recur_all.register_fake
def _(x: Tensor, positions: Tensor) -> Tensor:
    return x.new_empty((x.shape[0], x.shape[1] // 2))
