"""Sizes and switches of the canonical Transformer."""

import math
from dataclasses import dataclass
from typing import Literal

from dragoman_export.network.operators import GROUP_SIZE, HEAD_MULTIPLE

Activation = Literal["relu", "silu", "gelu", "gelu_tanh"]
"""`gelu_tanh` is the approximation of Hendrycks and Gimpel 2016 by a hyperbolic tangent."""

ElementType = Literal["float", "float16", "bfloat16"]
"""Element type that layers compute with, an ONNX name."""

CacheType = Literal["float", "float16", "bfloat16", "int8"]
"""Element type of keys and values as they are kept, likewise."""


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """Sizes and switches of a model."""

    encoder_layers: int
    decoder_layers: int

    model_dim: int
    """Width of the residual stream."""

    encoder_heads: int
    decoder_heads: int

    encoder_hidden_dim: int
    """Width of the feed-forward's hidden layer in the encoder."""

    decoder_hidden_dim: int
    """Likewise in the decoder."""

    vocabulary_size: int
    """Tokens of targets, before padding, and of sources where they share an embedding."""

    source_vocabulary_size: int | None = None
    """Tokens of sources where they have an embedding of their own."""

    tied_output: bool = True
    """Whether the output projection is the embedding of targets."""

    max_positions: int
    """Rows of the position table, in tokens."""

    own_positions: bool = False
    """Whether sources and targets have position tables of their own."""

    relative_positions: bool = False
    """Whether, in place of such tables, self-attention adds a bias for the distance of two tokens:
    one table of the encoder and one of the decoder, which their layers share."""

    head_dim: int | None = None
    """Width of all heads, padding not included; None is model_dim divided among them."""

    activation: Activation
    """Of the feed-forward's hidden layer."""

    recurrent: bool = False
    """Whether the decoder has, in place of self-attention, the Simpler Simple Recurrent Unit of Kim
    et al. 2019, "From Research to Production and Back", whose state is one vector."""

    recurrent_output: bool = False
    """Whether what such a unit says goes through a projection."""

    gated: bool = False
    """Whether that layer is the product of an activated and a plain projection."""

    rms_norm: bool = False
    """Whether norms divide by the root mean square and neither centre nor shift."""

    norm_first: bool = False
    """Whether each sublayer reads normalised rows (pre-norm) and adds to the plain ones; else the
    sum is normalised (post-norm)."""

    norm_both: bool = False
    """Whether sublayers that read normalised rows have the sum normalised too."""

    final_norm: bool = False
    """Whether encoder and decoder end with a norm."""

    embedding_norm: bool = False
    """Whether they begin with one."""

    embedding_scale: float = 1.0
    """Token embeddings are multiplied by this; 1 leaves them."""

    norm_epsilon: float = 1e-5
    """Added to the variance in layer normalisation."""

    element_type: ElementType = "float"
    """Of the layers. Embeddings and the output projection are float32 whatever it is: 8 or 11 bits
    of precision would make ties of the best logits."""

    cache_type: CacheType = "float"
    """Of the decoder's caches. Where it is int8 the weights make keys and values whole steps: see
    `dragoman_export.precision.int8_caches`."""

    @property
    def encoder_head_dim(self) -> int:
        """Width of an encoder head, padding included."""
        return _padded(self.head_dim or self.model_dim // self.encoder_heads)

    @property
    def decoder_head_dim(self) -> int:
        """Width of a decoder head, padding included."""
        return _padded(self.head_dim or self.model_dim // self.decoder_heads)

    @property
    def padded_vocabulary_size(self) -> int:
        """Rows of the embedding: whole groups of the top-k."""
        groups = math.ceil(self.vocabulary_size / GROUP_SIZE)
        return groups * GROUP_SIZE


def _padded(head_dim: int) -> int:
    return math.ceil(head_dim / HEAD_MULTIPLE) * HEAD_MULTIPLE
