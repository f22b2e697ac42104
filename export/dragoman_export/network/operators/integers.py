"""8-bit integers: what rounds to them, and products of them, of which a row depends on no other."""

# Shape rules have their kernel's signature, and operators take their tensors by position.
# ruff: noqa: ARG001, PLR0917

import torch
from torch import Tensor

SMALLEST_ROW_SCALE = 1e-9
"""What a step of an 8-bit activation is worth in a row of zeros."""


@torch.library.custom_op("dragoman::to_steps", mutates_args=())
def to_steps(x: Tensor) -> Tensor:
    """The nearest int8 to each float32, half to even."""
    return x.round().clamp(-128, 127).to(torch.int8)


@to_steps.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x, dtype=torch.int8)


@torch.library.custom_op("dragoman::int8_product", mutates_args=())
def int8_product(
    x: Tensor, weight: Tensor, weight_scale: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Product in 8-bit integers with one activation scale a row, found at run time.

    Args:
        x: (rows, in) float32.
        weight: (in, out) int8.
        weight_scale: (out,) float32, what one step of each column is worth.
        bias: (out,) float32, in steps of whatever row.

    Returns:
        (rows, out) float32 and what each row of it is still to be multiplied by, (rows, 1), at
        least SMALLEST_ROW_SCALE. A row depends on no other row.
    """
    row_scale = (x.abs().amax(dim=1, keepdim=True) * (1 / 127)).clamp_min(SMALLEST_ROW_SCALE)
    quantised = torch.round(x / row_scale)  # -127 to 127: 1 to 255 as uint8 with zero point 128
    product = (quantised.double() @ weight.double()).float()  # sums of integers: exact
    product *= weight_scale
    return product if bias is None else product + bias, row_scale


@int8_product.register_fake
def _(
    x: Tensor, weight: Tensor, weight_scale: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    return x.new_empty((x.shape[0], weight.shape[1])), x.new_empty((x.shape[0], 1))


@torch.library.custom_op("dragoman::int8_linear_calibrated", mutates_args=())
def int8_linear_calibrated(
    x: Tensor,
    activation_scale: Tensor,
    weight: Tensor,
    weight_scale: Tensor,
    bias: Tensor,
    zero_point: int,
) -> Tensor:
    """Product in 8-bit integers with one activation scale for every row there will ever be.

    Args:
        x: (rows, in) float32.
        activation_scale: () float32, what one step of x is worth; x is rounded half to even.
        weight: (in, out) int8.
        weight_scale: (out,) float32, what one step of each column is worth.
        bias: (out,) float32.
        zero_point: The uint8 that stands for 0. What lies below -zero_point or above
            255 - zero_point steps is clipped: with a zero point of 0 that is a ReLU.

    Returns:
        (rows, out) float32. A row depends on no other row.
    """
    steps = torch.round(x / activation_scale).clamp(-zero_point, 255 - zero_point)
    product = (steps.double() @ weight.double()).float()  # sums of integers: exact
    return product * (weight_scale * activation_scale) + bias


@int8_linear_calibrated.register_fake
def _(
    x: Tensor,
    activation_scale: Tensor,
    weight: Tensor,
    weight_scale: Tensor,
    bias: Tensor,
    zero_point: int,
) -> Tensor:
    return x.new_empty((x.shape[0], weight.shape[1]))
