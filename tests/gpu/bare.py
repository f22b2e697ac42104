"""Lets the engine be imported on a machine that has PyTorch, protobuf, numpy and little else.

`import dragoman` would import the client and its libraries, and `import dragoman_server.models`
those of tokenizers and languages; the engine needs the wire types and bundles alone.
"""

import sys
import types
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Nothing:
    """Takes every call and does nothing: of metrics that nobody reads."""

    def __init__(self, *arguments: object, **options: object) -> None:
        del arguments, options

    def __getattr__(self, name: str) -> type["Nothing"]:
        """Returns something that can be called."""
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing


def allow_bare_machines() -> None:
    """Takes Dragoman from this tree, and what the engine needs of it alone, unless installed."""
    try:
        version("dragoman")
    except PackageNotFoundError:
        _bare_package("dragoman", "clients/dragoman")
        models = _bare_package("dragoman_server.models", "server/dragoman_server/models")
        if find_spec("prometheus_client") is None:
            for name in (
                "prometheus_client",
                "prometheus_client.core",
                "prometheus_client.registry",
            ):
                _empty_module(name)
        models.Bundle = import_module("dragoman_server.models.bundle").Bundle  # type: ignore[attr-defined]


def _bare_package(name: str, path: str) -> types.ModuleType:
    """A package whose modules can be imported, and whose own code does not run."""
    package = types.ModuleType(name)
    package.__path__ = [str(ROOT / path)]
    return sys.modules.setdefault(name, package)


def _empty_module(name: str) -> None:
    """A module in which every name stands for nothing."""

    def nothing(wanted: str) -> type[Nothing]:
        if wanted.startswith("__"):
            raise AttributeError(wanted)
        return Nothing

    module = types.ModuleType(name)
    module.__path__ = []
    module.__getattr__ = nothing  # type: ignore[method-assign]
    sys.modules[name] = module
