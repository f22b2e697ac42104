"""The canonical Transformer in PyTorch, which every family is mapped onto and which is traced.

Knows layers and the operators that they are made of. Does not know checkpoints, ONNX or text.
"""

from dragoman_export.network.config import Activation, TransformerConfig
from dragoman_export.network.device_step import CANDIDATES, DeviceStep
from dragoman_export.network.layers import (
    DecoderLayer,
    EncoderLayer,
    FeedForward,
    LayerCache,
    Linear,
    Norm,
    RelativePositions,
    Step,
    TiedLinear,
)
from dragoman_export.network.operators import GROUP_SIZE, SHARED_ROWS
from dragoman_export.network.transformer import TORCH_TYPES, DecoderStep, Transformer

__all__ = [
    "CANDIDATES",
    "GROUP_SIZE",
    "SHARED_ROWS",
    "TORCH_TYPES",
    "Activation",
    "DecoderLayer",
    "DecoderStep",
    "DeviceStep",
    "EncoderLayer",
    "FeedForward",
    "LayerCache",
    "Linear",
    "Norm",
    "RelativePositions",
    "Step",
    "TiedLinear",
    "Transformer",
    "TransformerConfig",
]
