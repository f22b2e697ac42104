"""Times SkipLayerNormalization on the CPU beside the two operators that it is made of.

    python -m examples.upstream.skip_layer_norm --rows 768 --width 256

Prints microseconds, one thread, the median of several turns.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from examples.upstream.one_graph import bound


def ways(rows: int, width: int) -> dict[str, tuple[Callable[[], None], NDArray[np.float32]]]:
    """Returns what runs each, and where its result then stands, (rows, width)."""
    random = np.random.default_rng(0)
    given: dict[str, NDArray[Any]] = {
        "x": random.standard_normal((rows, width)).astype(np.float32),
        "skip": random.standard_normal((rows, width)).astype(np.float32),
        "weight": np.ones(width, np.float32),
        "bias": np.zeros(width, np.float32),
    }
    make = helper.make_node
    names = ["x", "skip", "weight", "bias"]
    nodes = {
        "fused": [make("SkipLayerNormalization", names, ["y"], domain="com.microsoft")],
        "parts": [
            make("Add", ["x", "skip"], ["sum"]),
            make("LayerNormalization", ["sum", "weight", "bias"], ["y"]),
        ],
    }
    nodes["fused"][0].attribute.append(helper.make_attribute("epsilon", 1e-5))
    found = {}
    for name, made in nodes.items():
        result = np.zeros((rows, width), np.float32)
        found[name] = bound(made, given, {"y": (TensorProto.FLOAT, result)}), result
    return found


def main() -> None:
    """Prints both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=768)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--turns", type=int, default=101)
    arguments = parser.parse_args()
    both = ways(arguments.rows, arguments.width)
    times: dict[str, list[float]] = {name: [] for name in both}
    for turn in range(arguments.turns):
        for name in both if turn % 2 else reversed(both):
            started = time.perf_counter()
            both[name][0]()
            times[name].append(time.perf_counter() - started)
    print(f"onnxruntime {onnxruntime.__version__}, {arguments.rows} x {arguments.width}", end=": ")
    print(", ".join(f"{name} {statistics.median(t) * 1e6:.0f} us" for name, t in times.items()))


if __name__ == "__main__":
    main()
