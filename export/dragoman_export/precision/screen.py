"""Float32 models whose output projection is looked through in 8 bits first.

Knows which projections that suits. Does not know how the best of them is proven.
"""

import torch
from torch import nn

from dragoman_export.network import (
    GROUP_SIZE,
    SCREENED_GROUPS,
    Linear,
    ScreenedLinear,
    TiedLinear,
    Transformer,
    TransformerConfig,
)
from dragoman_export.precision.quantise import MaskedInt8Linear, QuantisedWeight

SMALLEST_VOCABULARY = 4096
"""Padded. With 256 inputs, 4,096 tokens take 0.87 and 0.81 of the time at 32 and 64 rows and 1.16
at 8; 2,048 gain at no number of rows (docs/benchmarks/tried.md)."""

assert SMALLEST_VOCABULARY > SCREENED_GROUPS * GROUP_SIZE


def copy_bytes(config: TransformerConfig) -> int:
    """Returns what the copy takes of a bundle.

    A model that adds a bias of its own for each token has none; who has not read the weights cannot
    know that.
    """
    if config.padded_vocabulary_size < SMALLEST_VOCABULARY:
        return 0
    return config.padded_vocabulary_size * config.model_dim


def screen(model: Transformer, end_id: int) -> Transformer:
    """Gives the output projection an int8 copy where that pays, and returns the model.

    A bias of its own for each token would take a pass over all logits: such models stay as they
    are.
    """
    head = model.decoder.head
    if model.config.padded_vocabulary_size < SMALLEST_VOCABULARY:
        return model
    if not isinstance(head, Linear | TiedLinear) or not MaskedInt8Linear.suits(head.bias.data):
        return model
    if isinstance(head, TiedLinear):
        embedding = head.embedding
    else:
        embedding = nn.Embedding(head.weight.shape[1], head.weight.shape[0])
        embedding.weight = nn.Parameter(head.weight.data.t().contiguous())
    with torch.no_grad():
        copy = QuantisedWeight(embedding.weight.detach().t())
        model.decoder.head = ScreenedLinear(
            embedding, head.bias.data, copy.weight, copy.weight_scale, end_id
        )
    return model
