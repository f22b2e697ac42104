"""Makes torch trace many small models in one process sooner, into the same graphs.

Knows what torch.onnx looks up anew for each graph. Does not know what is traced.
"""

import copy
import functools
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
import torch._dynamo.config
from torch._export.utils import _collect_all_valid_cia_ops
from torch.export import decomp_utils, exported_program
from torch.onnx._internal.exporter import _decomp
from torch.onnx._internal.exporter._registration import ONNXRegistry

from tests.unwatched import unwatched


@contextmanager
def quick_tracing() -> Iterator[None]:
    """As long as this lasts, what is the same for each graph is looked up once."""
    with pytest.MonkeyPatch.context() as patch:
        _keep_operators(patch)
        _keep_decompositions(patch)
        patch.setattr(torch.onnx, "export", _unwatched_export())
        # Sizes are symbols: to look up what an operator makes of them takes longer than to ask it.
        with torch._dynamo.config.patch(fake_tensor_cache_enabled=False):
            yield


def _keep_operators(patch: pytest.MonkeyPatch) -> None:
    """onnxscript's operators are parsed from their sources, and their signatures read."""
    filled = functools.cache(ONNXRegistry.from_torchlib)

    def from_torchlib(_: type[ONNXRegistry], opset_version: int = 18) -> ONNXRegistry:
        """A copy: an export adds operators of its own."""
        registry = copy.copy(filled(opset_version))
        registry.functions = {name: list(each) for name, each in registry.functions.items()}
        return registry

    patch.setattr(ONNXRegistry, "from_torchlib", classmethod(from_torchlib))


def _keep_decompositions(patch: pytest.MonkeyPatch) -> None:
    """What is made of which operators; all operators that there are are asked for it."""
    composite = functools.cache(_collect_all_valid_cia_ops)
    for module in (exported_program, decomp_utils):
        patch.setattr(module, "_collect_all_valid_cia_ops", composite)
    make_table = _decomp.create_onnx_friendly_decomposition_table
    made = functools.cache(lambda names: make_table(set(names)))
    patch.setattr(
        _decomp,
        "create_onnx_friendly_decomposition_table",
        lambda names: dict(made(frozenset(names))),
    )


def _unwatched_export() -> Callable[..., Any]:
    """What of ours is traced runs eagerly elsewhere; to watch it takes a quarter more time."""
    export, is_first = torch.onnx.export, True

    @functools.wraps(export)
    def traced(*args: Any, **kwargs: Any) -> Any:
        nonlocal is_first
        with unwatched():
            program = export(*args, **kwargs)
        if is_first:
            # torch keeps much of the first one: each export after it collects garbage.
            gc.collect()
            gc.freeze()
            is_first = False
        return program

    return traced
