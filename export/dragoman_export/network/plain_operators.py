"""PyTorch's own operators in the place of this project's: what any PyTorch can load and run.

Tracing records what is called. Under `PlainOperators` the layers call what PyTorch has itself, so
that a graph of them needs nothing but PyTorch, on whatever device. Knows the operators of layers
and what distances add; does not know attention and search, whose operators are those of ONNX graphs
alone.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

import dragoman_export.network.operators  # noqa: F401 - registers them
from dragoman_export.network import kernels

_PLAIN: dict[object, Callable[..., object]] = {
    torch.ops.dragoman.norm.default: kernels.norm,
    torch.ops.dragoman.add_and_norm.default: kernels.add_and_norm,
    torch.ops.dragoman.rms_norm.default: kernels.rms_norm,
    torch.ops.dragoman.prompt_bias.default: kernels.prompt_bias,
    torch.ops.dragoman.past_bias.default: kernels.past_bias,
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
