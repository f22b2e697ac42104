"""Loads the graphs of a bundle that PyTorch runs: TorchScript (`.pt`) and torch.export (`.pt2`).

A bundle is trusted as the model that it is: whoever writes its files decides what runs. What is
loaded holds to the SHA-256 of the manifest, and no more than that is checked. `torch.jit.load`
unpickles with an unpickler of its own that makes TorchScript's types and no Python objects, but
compiles the code that it finds, which may call any operator, such as `aten::from_file`, and its
archive reader is written for well-formed files. `torch.export.load` reads a graph from JSON, and
constants with `torch.load`, with `weights_only=True` first; a sample of inputs likewise. Neither is
a sandbox: PyTorch's own advice (SECURITY.md) is to run untrusted models nowhere.

Knows files and devices; knows nothing of rows or caches.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from dragoman_server.errors import BundleError
from dragoman_server.models import Bundle
from dragoman_server.runtime.pytorch.prepacked import prepack_exported, prepack_torchscript
from dragoman_server.runtime.pytorch.scratch import named_directory
from dragoman_server.runtime.pytorch.unfused import unfuse_exported, unfuse_torchscript

Graph = Callable[..., Tensor]
"""Tensors in the order of the manifest's inputs -> its output, or a tuple of several."""


class Graphs(NamedTuple):
    """A bundle's graphs, loaded on one device. All engines share them and their weights."""

    encoder: Graph
    decoder: Graph
    cache_names: list[str]
    """Of the caches, in the order in which the decoder takes them."""


FORMATS = ("torchscript", "pt2")

STEP_INPUTS = 4
"""Inputs of the decoder before its caches: token ids, positions and two masks."""


def load_graphs(bundle: Bundle, device: torch.device) -> Graphs:
    """Loads what translates onto a device.

    Raises:
        BundleError: A graph cannot be loaded.
    """
    manifest = bundle.manifest
    encoder, decoder = (
        load_graph(bundle.path / graph.path, manifest.format, device)
        for graph in (manifest.encoder, manifest.decoder)
    )
    names = [tensor.name for tensor in manifest.decoder.inputs]
    return Graphs(encoder, decoder, names[STEP_INPUTS:])


def load_graph(path: Path, graph_format: str, device: torch.device) -> Graph:
    """Loads one graph with its weights onto a device.

    Args:
        path: Its file.
        graph_format: One of FORMATS, as the manifest has it.
        device: Where it is to run.

    Raises:
        BundleError: It cannot be loaded.
    """
    load = {"torchscript": _load_torchscript, "pt2": _load_pt2}.get(graph_format)
    if load is None:
        raise BundleError(
            f"{path}: format {graph_format!r} is none that PyTorch runs; allowed: "
            f"{', '.join(FORMATS)}"
        )
    try:
        return load(path, device)
    except Exception as error:  # what a damaged file makes torch raise has no other root
        raise BundleError(f"{path} cannot be loaded: {first_line(error)}") from error


def _load_torchscript(path: Path, device: torch.device) -> Graph:
    with warnings.catch_warnings():
        # TorchScript as a whole is deprecated since torch 2.10; it loads all the same.
        warnings.simplefilter("ignore", DeprecationWarning)
        loaded: torch.jit.ScriptModule = torch.jit.load(path, map_location=device)  # type: ignore[no-untyped-call]
    if device.type == "cpu":
        unfuse_torchscript(loaded)
        prepack_torchscript(loaded)

    def run(*inputs: Tensor) -> Tensor:
        # As it was traced: else the first runs are watched, and it is compiled for their shapes.
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            result: Tensor = loaded(*inputs)
            return result

    return run


def _load_pt2(path: Path, device: torch.device) -> Graph:
    with named_directory():
        module = torch.export.load(path).module(check_guards=False)  # inputs are our own
    if device.type == "cpu":
        unfuse_exported(module)
        prepack_exported(module)
    graph: Graph = module.to(device)
    return graph


def first_line(error: Exception) -> str:
    """What an exception of torch says, without the C++ stack that follows."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
