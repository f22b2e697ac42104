"""Graphs that PyTorch alone runs: TorchScript, and the `.pt2` of torch.export.

Both are of the same two modules, and the same inputs give the same outputs. TorchScript is
deprecated since torch 2.10; what loads it goes on loading it, and torch.export is its heir. Knows
PyTorch. Does not know who runs the graphs.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim

from dragoman_export.graphs.contract import GraphContract
from dragoman_export.graphs.formats import TORCHSCRIPT, GraphFormat, GraphName
from dragoman_export.graphs.trace import EXAMPLE_SIZES, INPUT_TYPES
from dragoman_export.network import PlainEncoder, PlainOperators, PlainStep, Transformer


def write_plain_graphs(
    transformer: Transformer, graph_format: GraphFormat, directory: Path
) -> None:
    """Writes the encoder's and the decoder's into `directory`."""
    config = transformer.config
    graphs: list[tuple[GraphName, nn.Module, GraphContract]] = [
        ("encoder", PlainEncoder(transformer.encoder), graph_format.encoder_contract(config)),
        ("decoder", PlainStep(transformer.decoder), graph_format.decoder_contract(config)),
    ]
    write = _write_torchscript if graph_format is TORCHSCRIPT else _write_pt2
    for name, module, contract in graphs:
        with torch.no_grad(), PlainOperators(), _unwarned():
            write(module.eval(), contract, directory / graph_format.file(name))


def _write_torchscript(module: nn.Module, contract: GraphContract, file: Path) -> None:
    traced = torch.jit.trace(module, _examples(contract), check_trace=False)  # type: ignore[no-untyped-call]
    torch.jit.freeze(traced).save(str(file))


def _write_pt2(module: nn.Module, contract: GraphContract, file: Path) -> None:
    dynamic = [
        {axis: Dim(size) for axis, size in enumerate(tensor.shape) if isinstance(size, str)}
        for tensor in contract.inputs
    ]
    named = module.forward.__code__.co_argcount - 1  # what follows them is one argument, `*caches`
    shapes = (*dynamic[:named], *([tuple(dynamic[named:])] if dynamic[named:] else []))
    program = torch.export.export(module, _examples(contract), dynamic_shapes=shapes, strict=False)
    torch.export.save(program, file)


def _examples(contract: GraphContract) -> tuple[Tensor, ...]:
    """Masks show everything."""
    return tuple(
        torch.ones(
            [EXAMPLE_SIZES[size] if isinstance(size, str) else size for size in tensor.shape],
            dtype=INPUT_TYPES[tensor.data_type],
        )
        for tensor in contract.inputs
    )


@contextmanager
def _unwarned() -> Iterator[None]:
    """Keeps PyTorch's remarks on TorchScript, and on what is no constant, from the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
