"""Graphs that PyTorch alone runs: TorchScript, and the `.pt2` of torch.export.

Both are of the same modules, and the same inputs give the same outputs. Knows PyTorch. Does not
know who runs the graphs.
"""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim

from dragoman_export.graphs.archives import save_program, save_torchscript
from dragoman_export.graphs.contract import GraphContract, attention_contract
from dragoman_export.graphs.formats import TORCHSCRIPT, GraphFormat, GraphName
from dragoman_export.graphs.trace import EXAMPLE_SIZES, INPUT_TYPES
from dragoman_export.network import (
    PlainAttention,
    PlainEncoder,
    PlainOperators,
    PlainStep,
    Transformer,
)


def write_plain_graphs(
    transformer: Transformer,
    graph_format: GraphFormat,
    directory: Path,
    *,
    with_attention: bool = False,
) -> None:
    """Writes the encoder's and the decoder's into `directory`, and that of attention weights.

    Raises:
        OSError: They cannot be written.
    """
    config = transformer.config
    graphs: list[tuple[GraphName, nn.Module, GraphContract]] = [
        ("encoder", PlainEncoder(transformer.encoder), graph_format.encoder_contract(config)),
        ("decoder", PlainStep(transformer.decoder), graph_format.decoder_contract(config)),
    ]
    if with_attention:
        graphs.append(("attention", PlainAttention(transformer), attention_contract(config)))
    write = _write_torchscript if graph_format is TORCHSCRIPT else _write_pt2
    for name, module, contract in graphs:
        with torch.no_grad(), PlainOperators():
            write(module.eval(), contract, directory / graph_format.file(name))


def _write_torchscript(module: nn.Module, contract: GraphContract, file: Path) -> None:
    with warnings.catch_warnings():
        # TorchScript as a whole is deprecated, and each call says so; export says it once.
        warnings.filterwarnings("ignore", r"`torch\.jit\.", DeprecationWarning)
        traced = torch.jit.trace(module, _examples(contract), check_trace=False)  # type: ignore[no-untyped-call]
        save_torchscript(traced, [tensor.name for tensor in contract.inputs], file)


def _write_pt2(module: nn.Module, contract: GraphContract, file: Path) -> None:
    dynamic = [
        {axis: Dim(size) for axis, size in enumerate(tensor.shape) if isinstance(size, str)}
        for tensor in contract.inputs
    ]
    named = module.forward.__code__.co_argcount - 1  # what follows them is one argument, `*caches`
    shapes = (*dynamic[:named], *([tuple(dynamic[named:])] if dynamic[named:] else []))
    program = torch.export.export(module, _examples(contract), dynamic_shapes=shapes, strict=False)
    save_program(program, file)


def _examples(contract: GraphContract) -> tuple[Tensor, ...]:
    """Masks show everything."""
    return tuple(
        torch.ones(
            [EXAMPLE_SIZES[size] if isinstance(size, str) else size for size in tensor.shape],
            dtype=INPUT_TYPES[tensor.data_type],
        )
        for tensor in contract.inputs
    )
