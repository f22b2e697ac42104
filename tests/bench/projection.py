"""How much of a decoding step the output projection takes, by onnxruntime's profile.

    python -m tests.bench.projection BUNDLE

Steps of the decoder's graph alone, all rows at work, at the positions after the first few. A step
is `session.run`; the projection is the matrix product, quantised or not, whose result is as wide as
the vocabulary.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from dragoman_export.verification.graph_decoding import RESULTS, BoundStep, nothing_shared
from dragoman_server.models.bundle import Bundle
from tests.bench.large_report import Share
from tests.bench.processes import answer, run_worker

SOURCE = 32
"""Tokens of each row's source."""

FIRST, LAST = 8, 24
"""Target tokens before the steps that count, and with them."""

NUMPY_TYPES: dict[str, type[np.generic]] = {"tensor(float)": np.float32, "tensor(int8)": np.int8}


def projection_share(bundle: Path, *, rows: int, threads: int) -> Share:
    """Returns it from a fresh process.

    Raises:
        subprocess.CalledProcessError: The process failed; its stderr went to ours.
    """
    job = {"bundle": bundle, "rows": rows, "threads": threads}
    return Share(**run_worker("tests.bench.projection", job))


def _work(job: Mapping[str, Any]) -> dict[str, Any]:
    bundle, rows = Bundle.load(Path(job["bundle"])), job["rows"]
    with tempfile.TemporaryDirectory() as directory:
        session = _session(bundle, Path(directory), job["threads"])
        for step in _steps(session, rows):
            step.run()
        events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    steps = [event for event in events if event["name"] == "model_run"][FIRST:]
    width = bundle.manifest.architecture.vocabulary_size
    projections = [event for event in events if _is_projection(event, width)]
    taken = [sum(each["dur"] for each in projections if _within(each, step)) for step in steps]
    if not all(taken):
        raise ValueError("no output projection is in the profile")
    return asdict(
        Share(
            rows,
            statistics.median(step["dur"] for step in steps) / 1e3,
            statistics.median(taken) / 1e3,
        )
    )


def _session(bundle: Bundle, directory: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.enable_profiling = True
    options.profile_file_prefix = str(directory / "decoder")
    return onnxruntime.InferenceSession(
        bundle.path / bundle.manifest.decoder.path,
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=["SkipLayerNormFusion"],  # as the server does
    )


def _steps(session: onnxruntime.InferenceSession, rows: int) -> Iterator[BoundStep]:
    """The same step again and again, each time at the next position."""
    sizes = {"rows": rows, "sources": rows, "target_capacity": LAST, "source_capacity": SOURCE}
    caches = {
        each.name: np.zeros([sizes.get(size, size) for size in each.shape], NUMPY_TYPES[each.type])
        for each in session.get_inputs()
        if each.name.startswith(("self_", "cross_"))
    }
    positions = np.zeros(rows, np.int32)
    inputs: dict[str, NDArray[np.generic]] = {
        "token_ids": np.arange(1, rows + 1),
        "positions": positions,
        "source_last": np.full(rows, SOURCE - 1, np.int32),
        "candidate_count": np.array([1]),
        "with_normalizers": np.array(0, np.bool_),
        "wanted_ids": np.zeros(0, np.int64),
        **nothing_shared(caches["self_key_0"].shape[1]),
    }
    step = BoundStep(session, inputs, caches, RESULTS)
    for position in range(LAST):
        positions[:] = position
        yield step


def _is_projection(event: Mapping[str, Any], width: int) -> bool:
    told = event.get("args", {})
    if not event["name"].endswith("_kernel_time") or "output_type_shape" not in told:
        return False
    shapes = [shape for each in told["output_type_shape"] for shape in each.values()]
    kind = told["op_name"]
    return ("MatMul" in kind or "Gemm" in kind) and any(s and s[-1] >= width for s in shapes)


def _within(event: Mapping[str, Any], step: Mapping[str, Any]) -> bool:
    return bool(step["ts"] <= event["ts"] < step["ts"] + step["dur"])


def main() -> None:
    """Prints the share of a bundle."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rows", type=int, default=32)
    arguments = parser.parse_args()
    found = projection_share(arguments.bundle, rows=arguments.rows, threads=1)
    print(f"{found.share:.1%} of {found.step_ms:.2f} ms at {found.rows} rows")


if __name__ == "__main__":
    import sys

    main() if len(sys.argv) > 1 else answer(_work)
