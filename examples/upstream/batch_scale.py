"""Shows that DynamicQuantizeMatMul gives a row another result when its neighbour is larger.

    python -m examples.upstream.batch_scale

Prints how far the first row moves, and the largest number in it.
"""

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from examples.upstream.one_graph import bound

WIDTH = 64


def first_row(neighbour: float) -> NDArray[np.float32]:
    """(WIDTH,) the first of two rows by a matrix, the second being so much larger."""
    random = np.random.default_rng(0)
    rows = random.standard_normal((2, WIDTH)).astype(np.float32)
    rows[1] *= neighbour
    given: dict[str, NDArray[Any]] = {
        "rows": rows,
        "weights": random.integers(-63, 64, (WIDTH, WIDTH)).astype(np.int8),
        "step": np.array(0.01, np.float32),
    }
    node = helper.make_node(
        "DynamicQuantizeMatMul", ["rows", "weights", "step"], ["y"], domain="com.microsoft"
    )
    result = np.zeros((2, WIDTH), np.float32)
    bound([node], given, {"y": (TensorProto.FLOAT, result)})()
    first: NDArray[np.float32] = result[0]
    return first


def main() -> None:
    """Prints one line for each size of the neighbour."""
    print(f"onnxruntime {onnxruntime.__version__}")
    alone = first_row(1)
    for neighbour in (1, 10, 100):
        moved = float(np.abs(first_row(neighbour) - alone).max())
        print(f"neighbour x {neighbour}: moved by {moved:.3f} of {float(np.abs(alone).max()):.3f}")


if __name__ == "__main__":
    main()
