"""ONNX graphs of the canonical Transformer: traced, translated, optimised, written.

Knows PyTorch's graphs, ONNX's operators and the contract between bundle and server. Does not know
checkpoints or precisions.
"""

from dragoman_export.graphs.contract import (
    GraphContract,
    GraphTensor,
    attention_contract,
    encoder_contract,
)
from dragoman_export.graphs.copy_graph import write_copy_graph
from dragoman_export.graphs.files import ATTENTION, DECODER, ENCODER, write_graphs
from dragoman_export.graphs.target import CPU, CUDA, Target

__all__ = [
    "ATTENTION",
    "CPU",
    "CUDA",
    "DECODER",
    "ENCODER",
    "GraphContract",
    "GraphTensor",
    "Target",
    "attention_contract",
    "encoder_contract",
    "write_copy_graph",
    "write_graphs",
]
