"""Turns the linear layers of a model into 8-bit ones.

Weights: signed, one scale an output column. Activations: one scale a row, found at run time, so a
row's result does not depend on its neighbours. Embeddings stay in float32.
"""

import torch
from torch import Tensor, nn

from dragoman_export import operators
from dragoman_export.layers import Linear, TiedLinear
from dragoman_export.transformer import Transformer


class Int8Linear(nn.Module):
    """x (rows, in) float32 -> (rows, out) float32 through an integer product."""

    weight: Tensor
    weight_scale: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        """Quantises `weight` (in, out); `bias` (out,) is kept as it is."""
        super().__init__()
        scale = (weight.abs().amax(dim=0) / 127).clamp_min(1e-12)
        self.register_buffer("weight", torch.round(weight / scale).to(torch.int8))
        self.register_buffer("weight_scale", scale)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """The product, (rows, out)."""
        product: Tensor = operators.int8_linear(x, self.weight, self.weight_scale, self.bias)
        return product


def quantise(model: Transformer) -> None:
    """Replaces every linear layer of `model`, the output projection among them."""
    for root in (model.encoder, model.decoder):
        _quantise_below(root)


def _quantise_below(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, Linear):
            setattr(module, name, Int8Linear(child.weight.data, child.bias.data))
        elif isinstance(child, TiedLinear):
            matrix = child.embedding.weight.data.t().contiguous()
            setattr(module, name, Int8Linear(matrix, child.bias.data))
        else:
            _quantise_below(child)
