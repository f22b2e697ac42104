"""What a quantised model needs so that each row may choose among the tokens of a list of its own.

Knows the kinds of quantised output projections. Does not know what lists are made of.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from dragoman_export.network import DecoderStep, ListedHead, ListedStep, Lists, operators
from dragoman_export.precision.quantise import (
    CalibratedInt8Linear,
    Int8Linear,
    MaskedInt8Linear,
    QuantisedWeight,
)


class TokenWeights(NamedTuple):
    """Of the output projection, token by token, padding counted."""

    weights: NDArray[np.int8]
    """(tokens, in)"""
    scales: NDArray[np.float32]
    """(tokens,), what one step of each is worth."""
    biases: NDArray[np.float32]
    """(tokens,)"""


class CalibratedHead(ListedHead):
    """As CalibratedInt8Linear, to the last bit."""

    activation_scale: Tensor

    def __init__(self, head: CalibratedInt8Linear) -> None:
        super().__init__()
        self.register_buffer("activation_scale", head.activation_scale)
        self.zero_point = head.zero_point

    def forward(self, x: Tensor, lists: Lists) -> tuple[Tensor, Tensor]:
        """See ListedHead."""
        logits = operators.int8_linear_calibrated(
            x,
            self.activation_scale,
            lists.union_weight,
            lists.union_scale,
            lists.union_bias,
            self.zero_point,
        )
        return lists.taken(logits)


class MaskedHead(ListedHead):
    """As MaskedInt8Linear: biases are added before rows are scaled."""

    def forward(self, x: Tensor, lists: Lists) -> tuple[Tensor, Tensor]:
        """See ListedHead."""
        product, row_scale = operators.int8_product(
            x, lists.union_weight, lists.union_scale, lists.union_bias
        )
        listed, wanted = lists.taken(product)
        return listed * row_scale, wanted * row_scale


class BiasedHead(ListedHead):
    """As Int8Linear: biases are added to scaled rows."""

    def forward(self, x: Tensor, lists: Lists) -> tuple[Tensor, Tensor]:
        """See ListedHead."""
        product, row_scale = operators.int8_product(x, lists.union_weight, lists.union_scale, None)
        listed, wanted = lists.taken(product)
        bias = functional.embedding(lists.list_columns, lists.union_bias[:, None]).squeeze(-1)
        wanted_bias = lists.union_bias.index_select(0, lists.wanted_columns)
        return listed * row_scale + bias, wanted * row_scale + wanted_bias


def listed(decoder: DecoderStep) -> ListedStep:
    """The step of a decoder that `quantise` has quantised, with lists."""
    head = decoder.head
    if isinstance(head, CalibratedInt8Linear):
        return ListedStep(decoder, CalibratedHead(head))
    return ListedStep(decoder, BiasedHead() if isinstance(head, Int8Linear) else MaskedHead())


def token_weights(decoder: DecoderStep) -> TokenWeights:
    """What such a step is given of each token that it is about."""
    head = decoder.head
    assert isinstance(head, QuantisedWeight)
    if isinstance(head, MaskedInt8Linear):
        bias = torch.zeros_like(head.weight_scale) if head.mask is None else head.mask
    else:
        assert isinstance(head, CalibratedInt8Linear | Int8Linear)
        bias = head.bias
    of_tokens = (head.weight.t().contiguous(), head.weight_scale, bias)
    return TokenWeights(*(each.detach().numpy() for each in of_tokens))
