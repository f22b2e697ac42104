"""Lets the engine be imported on a machine that has onnxruntime-gpu, protobuf and little else.

`import dragoman` would import the client and its libraries; the engine needs the wire types alone.
"""

import sys
import types
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[2]


def allow_wire_types_alone() -> None:
    """Puts an empty package in the client's place where Dragoman is not installed."""
    try:
        version("dragoman")
    except PackageNotFoundError:
        package = types.ModuleType("dragoman")
        package.__path__ = [str(ROOT / "clients/dragoman")]
        sys.modules.setdefault("dragoman", package)
