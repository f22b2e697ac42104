"""Turns a model's layers into 16-bit ones.

Embeddings and the output projection stay float32: they decide which token is best, and the spacing
of 16-bit numbers near a logit of 16 is 1/64 in float16 and 1/8 in bfloat16.
"""

from dataclasses import replace
from typing import Literal

from dragoman_export.network import TORCH_TYPES, Transformer

HalfPrecision = Literal["float16", "bfloat16"]


def with_half_precision(model: Transformer, precision: HalfPrecision) -> Transformer:
    """A copy whose layers and caches are of 16 bits.

    Args:
        model: In float32; left as it is.
        precision: Element type of the copy.
    """
    half = model.copied(replace(model.config, element_type=precision, cache_type=precision))
    encoder, decoder = half.encoder, half.decoder
    layers = (encoder.layers, encoder.final_norm, encoder.cross_key_value, decoder.layers)
    relative = [side.relative_positions for side in (encoder, decoder)]
    for module in (*layers, decoder.final_norm, *filter(None, relative)):
        module.to(TORCH_TYPES[precision])
    return half
