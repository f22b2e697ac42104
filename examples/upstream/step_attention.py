"""Times onnxruntime's attention of a decoding step on the CPU, one query a row, by type of cache.

    python -m examples.upstream.step_attention --heads 8 --head-dim 32 --rows 32 --positions 8 32 64
    ORT_MLAS_QKGEMM_S8_APPROX_VNNI=1 python -m examples.upstream.step_attention
    ORT_GQA_DISABLE_FLASH_ATTENTION=1 python -m examples.upstream.step_attention

Prints nanoseconds for each head and position that is read, the median of several turns. Every row
has the same number of live positions unless --shortest is given, from which on lengths are spread
evenly. "products" is a batched MatMulInteger for queries by keys and one for weights by values in
place of the fused operator, with keys transposed; it pads every row to the longest. Writing what is
new into the cache is in neither.
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

ROOM = 64
"""Positions that the caches have room for, at least."""

ELEMENTS: dict[str, tuple[int, type[Any]]] = {
    "float32": (TensorProto.FLOAT, np.float32),
    "float16": (TensorProto.FLOAT16, np.float16),
    "int8": (TensorProto.INT8, np.int8),
    "int8 by channel": (TensorProto.INT8, np.int8),
    "int4": (TensorProto.UINT8, np.uint8),
}
QUANTISED: dict[str, dict[str, Any]] = {
    "int8": {"kind": "PER_TENSOR", "bits": 8},
    "int8 by channel": {"kind": "PER_CHANNEL", "bits": 8},
    "int4": {"kind": "PER_TENSOR", "bits": 4},
}
PRODUCTS = "products"


class Sizes(argparse.Namespace):
    """Of one measurement."""

    rows: int
    heads: int
    head_dim: int
    shortest: int | None
    turns: int
    runs: int

    def lengths(self, longest: int) -> NDArray[np.int32]:
        """(rows,) live positions."""
        shortest = min(self.shortest or longest, longest)
        return np.linspace(shortest, longest, self.rows).round().astype(np.int32)


def fused(kind: str, sizes: Sizes, positions: int) -> Callable[[], None]:
    """Returns what runs GroupQueryAttention once, keys and values all in the cache."""
    rows, heads, dim = sizes.rows, sizes.heads, sizes.head_dim
    number, cache_type = ELEMENTS[kind]
    query_type = np.float16 if kind == "float16" else np.float32
    query_number = number if kind == "float16" else TensorProto.FLOAT
    room = max(ROOM, positions)
    quantised = QUANTISED.get(kind)
    stored = (dim + 1) // 2 if kind == "int4" else dim
    random = np.random.default_rng(0)
    query = random.standard_normal((rows, 1, heads * dim)).astype(query_type)
    cache = random.integers(-3, 4, (rows, heads, room, stored)).astype(cache_type)
    given: dict[str, NDArray[Any]] = {
        "query": query,
        "nothing": query[:, :0],
        "key": cache,
        "value": cache.copy(),
        "last": sizes.lengths(positions) - 1,
        "room": np.array(room, np.int32),
    }
    attributes: dict[str, Any] = {"num_heads": heads, "kv_num_heads": heads, "causal": 0}
    names = ["query", "nothing", "nothing", "key", "value", "last", "room"]
    if quantised:
        names += ["", "", "", "", "", "step", "step"]
        steps = heads * dim if quantised["kind"] == "PER_CHANNEL" else 1
        given["step"] = np.full(steps, 0.1, np.float32)
        attributes |= {
            "k_quant_type": quantised["kind"],
            "v_quant_type": quantised["kind"],
            "kv_cache_bit_width": quantised["bits"],
        }
    node = helper.make_node(
        "GroupQueryAttention",
        names,
        ["attended", "new_key", "new_value"],
        domain="com.microsoft",
        scale=1.0,
        **attributes,
    )
    outputs = {
        "attended": (query_number, np.zeros_like(query)),
        "new_key": (number, given["key"]),  # the cache itself: nothing is copied
        "new_value": (number, given["value"]),
    }
    return bound([node], given, outputs)


def integer_products(sizes: Sizes, positions: int) -> Callable[[], None]:
    """Returns what runs two MatMulInteger once, with what stands between them."""
    rows, heads, dim = sizes.rows, sizes.heads, sizes.head_dim
    random = np.random.default_rng(0)
    is_live = np.arange(positions) < sizes.lengths(positions)[:, None]  # (rows, positions)
    given: dict[str, NDArray[Any]] = {
        "query": random.standard_normal((rows, heads, 1, dim)).astype(np.float32),
        "key": random.integers(-3, 4, (rows, heads, dim, positions)).astype(np.int8),
        "value": random.integers(-3, 4, (rows, heads, positions, dim)).astype(np.int8),
        "mask": np.where(is_live, 0, -np.inf).astype(np.float32)[:, None, None],
        "step": np.array(0.05, np.float32),
        "zero": np.array(128, np.uint8),
        "weight_step": np.array(1 / 255, np.float32),
        "weight_zero": np.array(0, np.uint8),
    }
    make = helper.make_node
    nodes = [
        make("QuantizeLinear", ["query", "step", "zero"], ["asked"]),
        make("MatMulInteger", ["asked", "key", "zero"], ["counts"]),
        make("Cast", ["counts"], ["scores"], to=TensorProto.FLOAT),
        make("Mul", ["scores", "step"], ["scaled"]),
        make("Add", ["scaled", "mask"], ["masked"]),
        make("Softmax", ["masked"], ["weights"]),
        make("QuantizeLinear", ["weights", "weight_step", "weight_zero"], ["shares"]),
        make("MatMulInteger", ["shares", "value"], ["sums"]),
        make("Cast", ["sums"], ["unscaled"], to=TensorProto.FLOAT),
        make("Mul", ["unscaled", "weight_step"], ["attended"]),
    ]
    attended = np.zeros((rows, heads, 1, dim), np.float32)
    return bound(nodes, given, {"attended": (TensorProto.FLOAT, attended)})


def nanoseconds(sizes: Sizes, kinds: list[str], positions: int) -> dict[str, float]:
    """Returns what each takes for a head and position, measured in turns."""
    runs = {
        kind: integer_products(sizes, positions)
        if kind == PRODUCTS
        else fused(kind, sizes, positions)
        for kind in kinds
    }
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for turn in range(sizes.turns):
        for kind in kinds if turn % 2 else reversed(kinds):
            runs[kind]()
            started = time.perf_counter_ns()
            for _ in range(sizes.runs):
                runs[kind]()
            found[kind].append((time.perf_counter_ns() - started) / sizes.runs)
    reads = sizes.heads * int(sizes.lengths(positions).sum())
    return {kind: statistics.median(times) / reads for kind, times in found.items()}


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--head-dim", type=int, default=32)
    parser.add_argument("--positions", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--shortest", type=int, help="live positions of the shortest row")
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument("--runs", type=int, default=40)
    arguments = parser.parse_args(namespace=Sizes())
    kinds = [*ELEMENTS, PRODUCTS]
    print(f"onnxruntime {onnxruntime.__version__}, {arguments.rows} rows, ", end="")
    print(f"{arguments.heads} heads x {arguments.head_dim}: ns a head and position")
    print(f"{'positions':>9}", *(f"{kind:>15}" for kind in kinds))
    for positions in arguments.positions:
        times = nanoseconds(arguments, kinds, positions)
        print(f"{positions:9}", *(f"{times[kind]:15.1f}" for kind in kinds))


if __name__ == "__main__":
    main()
