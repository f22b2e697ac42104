"""Small modules as the graphs of a bundle are: frozen TorchScript, or an exported program."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

FORMATS = {"torchscript": ".pt", "pt2": ".pt2"}


def saved(module: nn.Module, examples: tuple[Tensor, ...], name: str, directory: Path) -> Path:
    """Writes a module of examples whose first dimension is any number of 16 rows or more."""
    path = directory / f"graph{FORMATS[name]}"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", DeprecationWarning)
        if name == "torchscript":
            traced = torch.jit.trace(module.eval(), examples, check_trace=False)  # type: ignore[no-untyped-call]
            torch.jit.freeze(traced).save(str(path))
        else:
            rows = {0: torch.export.Dim("rows", min=16)}
            shapes = tuple(rows for _ in examples)
            program = torch.export.export(module.eval(), examples, dynamic_shapes=shapes)
            torch.export.save(program, path)
    return path


def torchscript(path: Path) -> torch.jit.ScriptModule:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module: torch.jit.ScriptModule = torch.jit.load(path)  # type: ignore[no-untyped-call]
    return module
