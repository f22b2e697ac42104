"""Weights by which the canonical Transformer says what networks with other parts say.

Knows tensors under their names in the native layout; does not know toolkits.
"""

import torch

from dragoman_export.families.weights import OUTPUT, OUTPUT_BIAS, TARGETS, Stored

SIGMOID_GELU = 1.702
"""x * sigmoid(1.702 x), which Hendrycks and Gimpel 2016 give beside their GELU, is a SiLU of 1.702
x divided by as much."""


def fold_sigmoid_gelu(native: dict[str, Stored], *, gated: bool) -> None:
    """Lets feed-forwards with a SiLU say what they would say with that activation."""
    activated = "gate" if gated else "widen"
    for name, (stored, tensor) in native.items():
        if f".feed_forward.{activated}." in name:
            native[name] = Stored(stored, tensor * SIGMOID_GELU)
        elif name.endswith(".feed_forward.narrow.weight"):
            native[name] = Stored(stored, tensor / SIGMOID_GELU)


def add_zero_token(native: dict[str, Stored]) -> None:
    """Adds a token of zeros after all targets, for decoders that begin with nothing.

    It must be suppressed.
    """
    for name in (TARGETS, OUTPUT, OUTPUT_BIAS):
        if name in native:
            stored, tensor = native[name]
            row = tensor.new_zeros(1, *tensor.shape[1:])
            native[name] = Stored(stored, torch.cat([tensor, row]))
