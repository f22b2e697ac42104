"""Graphs of the canonical Transformer: traced, translated, optimised, written.

Knows PyTorch's graphs, ONNX's operators and the contract between bundle and server. Does not know
checkpoints or precisions.
"""

from dragoman_export.graphs.contract import (
    GraphContract,
    GraphTensor,
    attention_contract,
    encoder_contract,
    listed_decoder_contract,
)
from dragoman_export.graphs.copy_graph import write_copy_graph
from dragoman_export.graphs.files import ATTENTION, DECODER, ENCODER, LISTED, write_graphs
from dragoman_export.graphs.formats import (
    ONNX_CPU,
    ONNX_CUDA,
    PLAIN,
    PT2,
    TORCHSCRIPT,
    FormatName,
    GraphFormat,
    least_bytes,
)
from dragoman_export.graphs.plain import write_plain_graphs
from dragoman_export.graphs.target import CPU, CUDA, Target

__all__ = [
    "ATTENTION",
    "CPU",
    "CUDA",
    "DECODER",
    "ENCODER",
    "LISTED",
    "ONNX_CPU",
    "ONNX_CUDA",
    "PLAIN",
    "PT2",
    "TORCHSCRIPT",
    "FormatName",
    "GraphContract",
    "GraphFormat",
    "GraphTensor",
    "Target",
    "attention_contract",
    "encoder_contract",
    "least_bytes",
    "listed_decoder_contract",
    "write_copy_graph",
    "write_graphs",
    "write_plain_graphs",
]
