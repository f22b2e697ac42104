"""What a bundle's graphs are: their format, files, contracts, what runs them, what they take."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from dragoman_export.graphs.contract import (
    GraphContract,
    decoder_contract,
    device_decoder_contract,
    encoder_contract,
    plain_decoder_contract,
    plain_encoder_contract,
)
from dragoman_export.network import TransformerConfig

FormatName = Literal["onnx", "torchscript", "pt2"]
"""`pt2` is what torch.export saves."""

Provider = Literal["cpu", "cuda"]

GraphName = Literal["encoder", "decoder", "attention"]


class GraphFormat(NamedTuple):
    """A kind of graphs."""

    name: FormatName

    suffix: str
    """Of their files."""

    providers: tuple[Provider, ...]
    """That they are made for, best first."""

    encoder_contract: Callable[[TransformerConfig], GraphContract]

    decoder_contract: Callable[[TransformerConfig], GraphContract]

    remark: str = ""
    """What who chooses it is told."""

    def file(self, graph: GraphName) -> str:
        """Name of a graph's file."""
        return f"{graph}{self.suffix}"


ONNX_CPU = GraphFormat("onnx", ".onnx", ("cpu",), encoder_contract, decoder_contract)

ONNX_CUDA = GraphFormat("onnx", ".onnx", ("cuda",), encoder_contract, device_decoder_contract)

_plain = (plain_encoder_contract, plain_decoder_contract)

TORCHSCRIPT = GraphFormat(
    "torchscript",
    ".pt",
    ("cuda", "cpu"),
    *_plain,
    "TorchScript is deprecated since PyTorch 2.10 of 21 January 2026: PyTorch 2.13, LibTorch and "
    "Triton load it still, and its heir is --format pt2",
)

PT2 = GraphFormat("pt2", ".pt2", ("cuda", "cpu"), *_plain)

PLAIN: dict[FormatName, GraphFormat] = {"torchscript": TORCHSCRIPT, "pt2": PT2}
"""Those that PyTorch alone runs."""

ONNX_BYTES = {"float32": 4, "float16": 4, "bfloat16": 4, "int8": 1}
"""For each number of a model. Graphs for a GPU are verified in float32 too."""


def least_bytes(
    graph_format: GraphFormat,
    config: TransformerConfig,
    parameters: int,
    precision: str,
    *,
    with_attention: bool,
) -> int:
    """Of disk, while the bundle is made.

    Those of ONNX share one file of weights. Of the others each has its own: the encoder and the
    decoder the embedding, where they share it, and the graph of attention weights all but the
    output projection once more.

    Args:
        graph_format: Of the graphs.
        config: Of the model.
        parameters: Numbers that it has.
        precision: Of its layers; embeddings and the output projection are float32.
        with_attention: Whether there is the graph of attention weights.
    """
    if graph_format.name not in PLAIN:
        return parameters * ONNX_BYTES[precision]
    targets = sources = embeddings = config.vocabulary_size * config.model_dim
    if config.source_vocabulary_size is not None:
        sources = config.source_vocabulary_size * config.model_dim
        embeddings += sources
    head = 0 if config.tied_output else targets
    layers = (parameters - embeddings - head) * (4 if precision == "float32" else 2)
    decoding = layers + 4 * (sources + targets + head)
    return decoding + (layers + 4 * embeddings if with_attention else 0)
