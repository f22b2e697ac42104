"""What this processor can do at most: multiply-adds and bytes a second, on one core and on all.

    python -m tests.bench.peaks --json build/bench/peaks.json

Matrix products are onnxruntime's, 512x512 by 512x2048, on one thread each: what its kernels reach
at their best. Bandwidth is numpy's over arrays that no cache holds. The best of many runs is told:
this is a limit.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.bench.origin import Origin, load_average
from tests.bench.peaks_report import Peak, PeaksReport, peaks_table
from tests.bench.progress import stage
from tests.bench.systems import CORES
from tests.bench.tables import text_table

ROWS, INNER, COLUMNS = 512, 512, 2048
MULTIPLY_ADDS = ROWS * INNER * COLUMNS
ARRAY_BYTES = 512 * 2**20
SECONDS = 2.0
"""For each measurement."""

LIBRARIES = ("onnxruntime", "numpy")

Work = Callable[[], object]


def float32_product() -> Work:
    """Returns a Gemm with a constant second factor."""
    weight = np.random.default_rng(0).normal(size=(INNER, COLUMNS)).astype(np.float32)
    node = helper.make_node("Gemm", ["x", "weight"], ["y"])
    x = np.random.default_rng(1).normal(size=(ROWS, INNER)).astype(np.float32)
    return _session(node, {"weight": weight}, x, TensorProto.FLOAT)


def int8_product() -> Work:
    """Returns the product of int8 bundles: uint8 by constant int8, one scale a column."""
    random = np.random.default_rng(0)
    constants: dict[str, NDArray[Any]] = {
        "weight": random.integers(-127, 128, (INNER, COLUMNS)).astype(np.int8),
        "x_scale": np.array(0.01, np.float32),
        "scales": np.full(COLUMNS, 0.01, np.float32),
        "x_zero": np.array(128, np.uint8),
        "zeros": np.zeros(COLUMNS, np.int8),
    }
    node = helper.make_node(
        "MatMulIntegerToFloat",
        ["x", "weight", "x_scale", "scales", "x_zero", "zeros"],
        ["y"],
        domain="com.microsoft",
    )
    x = random.integers(0, 256, (ROWS, INNER)).astype(np.uint8)
    return _session(node, constants, x, TensorProto.UINT8)


def _session(
    node: onnx.NodeProto, constants: dict[str, NDArray[Any]], x: NDArray[Any], x_type: int
) -> Work:
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("x", x_type, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (ROWS, COLUMNS))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(["y"], {"x": x})


def array_sum() -> Work:
    """Returns one that reads `ARRAY_BYTES`."""
    array = np.ones(ARRAY_BYTES // 8, np.int64)
    return array.sum


def array_copy() -> Work:
    """Returns one that reads half of `ARRAY_BYTES` and writes as much."""
    source = np.ones(ARRAY_BYTES // 16, np.int64)
    target = np.zeros_like(source)
    return lambda: np.copyto(target, source)


def rate(make: Callable[[], Work], amount: float, cores: int) -> float:
    """Returns amount a second, summed over threads that work at the same time."""
    barrier = Barrier(cores)

    def run(_: int) -> float:
        work = make()
        work()
        barrier.wait()
        shortest, ended = float("inf"), time.perf_counter() + SECONDS
        while time.perf_counter() < ended:
            started = time.perf_counter()
            work()
            shortest = min(shortest, time.perf_counter() - started)
        return amount / shortest

    with ThreadPoolExecutor(cores) as threads:
        return sum(threads.map(run, range(cores)))


def measure(cores: int) -> Peak:
    """Returns the peaks of so many cores at once."""
    return Peak(
        cores,
        {
            "float32": rate(float32_product, MULTIPLY_ADDS, cores),
            "int8": rate(int8_product, MULTIPLY_ADDS, cores),
        },
        {
            "sum": rate(array_sum, ARRAY_BYTES, cores),
            "copy": rate(array_copy, ARRAY_BYTES, cores),
        },
    )


def main() -> None:
    """Prints a table, and writes JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="all the figures")
    arguments = parser.parse_args()
    loads = [load_average()]
    peaks = []
    for cores in dict.fromkeys((1, CORES)):
        with stage(f"peaks of {cores} core{'s' if cores > 1 else ''}"):
            peaks.append(measure(cores))
    loads.append(load_average())
    origin = Origin.here("tests.bench.peaks", LIBRARIES, loads)
    print(f"{origin.machine}; {origin.libraries}\n\n{text_table(*peaks_table(peaks))}")
    if arguments.json:
        PeaksReport(origin, peaks).save(arguments.json)


if __name__ == "__main__":
    main()
