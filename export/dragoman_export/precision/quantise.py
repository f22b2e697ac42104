"""Turns the linear layers of a model into 8-bit ones.

Weights: signed, one scale an output column. Activations: one scale a row, found at run time, or
one constant for each layer, calibrated beforehand; either way a row's result does not depend on its
neighbours. Embeddings stay in float32.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from dragoman_export.network import (
    SMALLEST_ROW_SCALE,
    SUPPRESSED_BIAS,
    FeedForward,
    Linear,
    RowScaledLinear,
    TiedLinear,
    Transformer,
    operators,
)
from dragoman_export.precision.calibrate import Calibration

ActivationScales = Literal["calibrated", "per_row"]

SIGNED, UNSIGNED = 128, 0
"""Zero points of activations of either sign, and of those that a ReLU lets through."""

SMALLEST_SCALE = 1e-9
"""Of an activation that calibration saw nothing but zeros of."""


COLUMNS = 4096
"""Quantised at a time: what is needed beside is as large several times over."""


class QuantisedWeight(nn.Module):
    """The weights of a linear layer in 8 bits."""

    weight: Tensor
    weight_scale: Tensor

    def __init__(self, weight: Tensor) -> None:
        """Quantises `weight` (in, out)."""
        super().__init__()
        quantised = torch.empty(weight.shape, dtype=torch.int8)
        scales = torch.empty(weight.shape[1])
        for first in range(0, weight.shape[1], COLUMNS):
            columns = slice(first, first + COLUMNS)
            part = weight[:, columns]
            scales[columns] = scale = (_largest_pairs(part) / 127).clamp_min(1e-12)
            quantised[:, columns] = torch.round(part / scale)
        self.register_buffer("weight", quantised)
        self.register_buffer("weight_scale", scales)


class Int8Linear(QuantisedWeight):
    """x (rows, in) float32 -> (rows, out) float32 through an integer product."""

    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        """`bias` (out,) is kept as it is."""
        super().__init__(weight)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """The product, (rows, out)."""
        product, scale = operators.int8_product(x, self.weight, self.weight_scale, None)
        scaled: Tensor = product * scale + self.bias
        return scaled


class MaskedInt8Linear(QuantisedWeight, RowScaledLinear):
    """Likewise where nothing is added but, at most, the bias of what is never generated.

    That may be done before the rows are scaled: no pass over the result is needed for it.
    """

    mask: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        """`bias` (out,) is 0 and SUPPRESSED_BIAS."""
        super().__init__(weight)
        # What is suppressed is so in every row, whatever its scale.
        self.register_buffer("mask", bias / SMALLEST_ROW_SCALE if bias.any() else None)

    @staticmethod
    def suits(bias: Tensor) -> bool:
        """Whether that is all that a layer adds."""
        return bool(((bias == 0) | (bias == SUPPRESSED_BIAS)).all())

    def unscaled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The product, (rows, out), and what each of its rows is to be multiplied by."""
        product: tuple[Tensor, Tensor] = operators.int8_product(
            x, self.weight, self.weight_scale, self.mask
        )
        return product


def _largest_pairs(weight: Tensor) -> Tensor:
    """Returns what the range of each column of `weight` (in, out) must hold, (out,).

    CPUs with AVX2 or AVX-512 but without VNNI add the products of two neighbouring inputs in 16
    bits and clip. Where no two neighbouring weights of one sign add up to more than one may have,
    128 once rounded, 255 times their sum fits: every CPU computes the same (oneDNN, "Nuances of
    int8 computations").
    """
    pairs = functional.pad(weight, (0, 0, 0, len(weight) % 2)).view(-1, 2, weight.shape[1])
    positive, negative = pairs.clamp_min(0).sum(dim=1), -pairs.clamp_max(0).sum(dim=1)
    return torch.maximum(positive, negative).amax(dim=0)


class CalibratedInt8Linear(QuantisedWeight):
    """Likewise, with an activation scale that is the same for every row."""

    activation_scale: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, largest: float, zero_point: int) -> None:
        """`largest` is the |x| that the last step of the range stands for; beyond it x is clipped.

        With a zero point of `UNSIGNED` negative x count as 0: the layer does a ReLU first.
        """
        super().__init__(weight)
        self.register_buffer("bias", bias)
        steps = 255 if zero_point == UNSIGNED else 127
        scale = torch.tensor(largest / steps).clamp_min(SMALLEST_SCALE)
        self.register_buffer("activation_scale", scale)
        self.zero_point = zero_point

    def forward(self, x: Tensor) -> Tensor:
        """The product, (rows, out)."""
        product: Tensor = operators.int8_linear_calibrated(
            x, self.activation_scale, self.weight, self.weight_scale, self.bias, self.zero_point
        )
        return product


def quantise(model: Transformer, calibration: Calibration | None) -> Transformer:
    """Replaces every linear layer, the output projection among them, and returns the model.

    What it replaces is forgotten, so that no two models are in memory.

    Args:
        model: In float32.
        calibration: Of `model`; None gives every row a scale of its own.
    """
    for side, root in (("encoder", model.encoder), ("decoder", model.decoder)):
        _quantise_below(root, side, calibration)
    model.fold_scale()
    return model


def _quantise_below(module: nn.Module, path: str, calibration: Calibration | None) -> None:
    folded = calibration is not None and _fold_relu(module)
    for name, child in module.named_children():
        place = f"{path}.{name}"
        if isinstance(child, Linear | TiedLinear):
            unsigned = folded and name == "narrow"
            largest = None if calibration is None else calibration.inputs[place]
            setattr(module, name, _int8(child, largest, UNSIGNED if unsigned else SIGNED))
        else:
            _quantise_below(child, place, calibration)


def _fold_relu(module: nn.Module) -> bool:
    """Takes out a feed-forward's ReLU: the layer after it clips at 0 by itself."""
    if not isinstance(module, FeedForward) or not isinstance(module.activation, nn.ReLU):
        return False
    if module.is_gated:  # what is multiplied by it may be negative
        return False
    module.activation = nn.Identity()
    return True


def _int8(layer: Linear | TiedLinear, largest: float | None, zero_point: int) -> QuantisedWeight:
    weight: Tensor = layer.weight.data if isinstance(layer, Linear) else layer.embedding.weight.t()
    bias = layer.bias.data
    if largest is not None:
        return CalibratedInt8Linear(weight, bias, largest, zero_point)
    return (MaskedInt8Linear if MaskedInt8Linear.suits(bias) else Int8Linear)(weight, bias)
