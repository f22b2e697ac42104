"""What a quantised model needs so that each row may choose among the tokens of a list of its own.

Knows the kinds of quantised output projections. Does not know what lists are made of.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from dragoman_export.network import STEP_ZERO, DecoderStep, ListedHead, ListedStep
from dragoman_export.precision.quantise import (
    CalibratedInt8Linear,
    Int8Linear,
    MaskedInt8Linear,
    QuantisedWeight,
)


def listed(decoder: DecoderStep) -> ListedStep:
    """The step of a decoder that `quantise` has quantised, with lists."""
    return ListedStep(decoder, _listed_head(decoder.head))


def _listed_head(head: torch.nn.Module) -> ListedHead:
    """The same numbers, to the last bit, as the whole projection makes of the same weights."""
    if isinstance(head, CalibratedInt8Linear):
        scale = head.weight_scale * head.activation_scale
        return ListedHead(scale, head.bias, head.activation_scale)
    if isinstance(head, Int8Linear):
        return ListedHead(head.weight_scale, head.bias, None)
    assert isinstance(head, MaskedInt8Linear)
    mask = torch.zeros_like(head.weight_scale) if head.mask is None else head.mask
    return ListedHead(head.weight_scale, mask, None)


def union_weights(decoder: DecoderStep) -> NDArray[np.uint8]:
    """Weights of the output projection, a row a token, (padded vocab, in), as unions have them."""
    head = decoder.head
    assert isinstance(head, QuantisedWeight)
    weight = head.weight.t().contiguous().view(torch.uint8) ^ STEP_ZERO  # adds it
    rows: NDArray[np.uint8] = weight.numpy()
    return rows
