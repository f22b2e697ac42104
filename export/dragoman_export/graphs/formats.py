"""What a bundle's graphs are: their format, their files, what runs them and their contracts."""

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
from dragoman_export.graphs.target import Provider
from dragoman_export.network import TransformerConfig

FormatName = Literal["onnx", "torchscript", "pt2"]
"""`pt2` is what torch.export saves."""

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
