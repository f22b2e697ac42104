"""What operators of layers compute, of PyTorch's own operators: eagerly, and in graphs of PyTorch.

All that is made here is made from the inputs, so that a graph of it runs on any device. Arguments
and results are said in `operators`, which has an operator of each name.
"""

import torch
from torch import Tensor
from torch.nn import functional


def norm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    """See operators.norm."""
    return functional.layer_norm(x, weight.shape, weight, bias, epsilon)


def add_and_norm(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    """See operators.add_and_norm."""
    return norm(x + y, weight, bias, epsilon)


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """See operators.rms_norm."""
    return functional.rms_norm(x, weight.shape, weight, epsilon)


def prompt_bias(table: Tensor, padded_index: Tensor) -> Tensor:
    """See operators.prompt_bias."""
    most, place = table.shape[0] // 2, places(padded_index[0], 0)
    distance = (place[None, :] - place[:, None]).clamp(-most, most) + most
    return table[distance].permute(2, 0, 1)[None]


def past_bias(table: Tensor, positions: Tensor, cache: Tensor) -> Tensor:
    """See operators.past_bias."""
    place = places(cache[0, 0, :, 0], 0)
    distance = (positions[:, None] - place).clamp(0, table.shape[0] - 1)
    return table[distance].permute(0, 2, 1)[:, :, None]


def places(x: Tensor, dimension: int) -> Tensor:
    """0, 1, 2, ... along a dimension of x, in its shape: of x's own device, wherever that is.

    `torch.arange` would put the device that is traced on into the graph.
    """
    return torch.ones_like(x, dtype=torch.int64).cumsum(dimension) - 1
