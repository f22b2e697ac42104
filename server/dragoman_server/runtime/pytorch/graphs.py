"""Loads the graphs of a bundle that PyTorch runs: TorchScript (`.pt`) and torch.export (`.pt2`).

A bundle is trusted as a program is: who writes its files decides what runs. They hold to the
SHA-256 of the manifest, which says nothing of what is in them. By the sources of torch 2.13
`torch.export.load` unpickles with `weights_only=False` the weights and constants that the file's
own index calls pickled, and its sample inputs where `weights_only=True` fails: a hostile `.pt2`
runs any Python. `torch.jit.load` has an unpickler of its own, which makes no Python objects, but
what it compiles may call every operator there is, `aten::from_file` among them, and PyTorch's
SECURITY.md promises no more for it: untrusted models belong in a sandbox.

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
        module = torch.export.load(path).module(check_guards=False)
    if device.type == "cpu":
        unfuse_exported(module)
        prepack_exported(module)
    # Past the module's hook, which holds inputs against the shapes that were exported: in Python,
    # for several times as long as a step takes. They are this package's own.
    graph: Graph = module.to(device).forward
    return graph


def first_line(error: Exception) -> str:
    """What an exception of torch says, without the C++ stack that follows."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
