"""PyTorch's own operators in the place of this project's: what any PyTorch can load and run.

Tracing records what is called. Under `PlainOperators` the layers call what PyTorch has itself, so
that a graph of them needs nothing but PyTorch, on whatever device. Knows the operators of layers
and what distances add; does not know attention and search, whose operators are those of ONNX graphs
alone.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode


def _norm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    return functional.layer_norm(x, weight.shape, weight, bias, epsilon)


def _add_and_norm(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    return _norm(x + y, weight, bias, epsilon)


def _rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    return functional.rms_norm(x, weight.shape, weight, epsilon)


def _prompt_bias(table: Tensor, padded_index: Tensor) -> Tensor:
    most, place = table.shape[0] // 2, places(padded_index[0], 0)
    distance = (place[None, :] - place[:, None]).clamp(-most, most) + most
    return table[distance].permute(2, 0, 1)[None]


def _past_bias(table: Tensor, positions: Tensor, cache: Tensor) -> Tensor:
    place = places(cache[0, 0, :, 0], 0)
    distance = (positions[:, None] - place).clamp(0, table.shape[0] - 1)
    return table[distance].permute(0, 2, 1)[:, :, None]


_PLAIN: dict[object, Callable[..., object]] = {
    torch.ops.dragoman.norm.default: _norm,
    torch.ops.dragoman.add_and_norm.default: _add_and_norm,
    torch.ops.dragoman.rms_norm.default: _rms_norm,
    torch.ops.dragoman.prompt_bias.default: _prompt_bias,
    torch.ops.dragoman.past_bias.default: _past_bias,
}


class PlainOperators(TorchFunctionMode):
    """While it is entered, layers are made of PyTorch's operators alone."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        """Calls what takes the place of `func`, or `func`."""
        del types
        call: Callable[..., object] = _PLAIN.get(func, func)
        return call(*args, **(kwargs or {}))


def places(x: Tensor, dimension: int) -> Tensor:
    """0, 1, 2, ... along a dimension of x, in its shape: of x's own device, wherever that is.

    `torch.arange` would put the device that is traced on into the graph.
    """
    return torch.ones_like(x, dtype=torch.int64).cumsum(dimension) - 1
