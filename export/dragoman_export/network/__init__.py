"""The canonical Transformer in PyTorch, which every family is mapped onto and which is traced.

Knows layers and the operators that they are made of. Does not know checkpoints, ONNX or text.
"""

from dragoman_export.network.config import Activation, TransformerConfig
from dragoman_export.network.device_step import CANDIDATES, DeviceStep
from dragoman_export.network.forced_attention import AttentionWeights, ForcedAttention
from dragoman_export.network.layers import (
    Cache,
    DecoderLayer,
    EncoderLayer,
    FeedForward,
    LayerCache,
    Linear,
    Norm,
    RecurrentCache,
    RelativePositions,
    ResidualNorm,
    RowScaledLinear,
    Step,
    TiedLinear,
    cache_kind,
)
from dragoman_export.network.listed import ListedHead, ListedStep, Lists
from dragoman_export.network.operators import (
    GROUP_SIZE,
    SHARED_ROWS,
    SMALLEST_ROW_SCALE,
    SUPPRESSED_BIAS,
)
from dragoman_export.network.plain import PlainAttention, PlainEncoder, PlainStep
from dragoman_export.network.plain_operators import PlainOperators
from dragoman_export.network.screened import (
    SCREENED_CANDIDATES,
    SCREENED_COUNT,
    SCREENED_GROUPS,
    ScreenedLinear,
)
from dragoman_export.network.transformer import TORCH_TYPES, DecoderStep, Transformer

__all__ = [
    "CANDIDATES",
    "GROUP_SIZE",
    "SCREENED_CANDIDATES",
    "SCREENED_COUNT",
    "SCREENED_GROUPS",
    "SHARED_ROWS",
    "SMALLEST_ROW_SCALE",
    "SUPPRESSED_BIAS",
    "TORCH_TYPES",
    "Activation",
    "AttentionWeights",
    "Cache",
    "DecoderLayer",
    "DecoderStep",
    "DeviceStep",
    "EncoderLayer",
    "FeedForward",
    "ForcedAttention",
    "LayerCache",
    "Linear",
    "ListedHead",
    "ListedStep",
    "Lists",
    "Norm",
    "PlainAttention",
    "PlainEncoder",
    "PlainOperators",
    "PlainStep",
    "RecurrentCache",
    "RelativePositions",
    "ResidualNorm",
    "RowScaledLinear",
    "ScreenedLinear",
    "Step",
    "TiedLinear",
    "Transformer",
    "TransformerConfig",
    "cache_kind",
]
